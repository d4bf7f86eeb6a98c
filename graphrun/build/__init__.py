"""From a spec to graphs: names resolved, functions expanded, shapes inferred; the training step's update."""
