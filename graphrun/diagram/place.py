"""Where things stand: a chain of steps is laid out here, on straight lines; for any other graph Graphviz finds the places."""

from __future__ import annotations

from graphrun.diagram.chain import chain_placed
from graphrun.diagram.shapes import Placed
from graphrun.diagram.view import View

__all__ = ["place"]


def place(view: View) -> Placed | None:
    """Places for a picture that is read from left to right, or None where Graphviz is to find them."""
    return chain_placed(view) if view.direction == "LR" else None
