"""Derivatives: reverse mode as a graph-to-graph function, and numerical differentiation to check it."""
