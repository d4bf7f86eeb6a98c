"""Data: rows are read (sources), columns matched with inputs (columns), cells made numbers (cells), rows divided (shares, splits),
transformed (transforms) and dealt into batches (batches). `check` does what it can without NumPy."""
