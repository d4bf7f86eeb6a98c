"""What the report shows of a training run: the record (see `graphrun.train.record`) as a section of the page."""
