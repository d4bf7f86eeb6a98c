"""Where things stand: nets, rows of values and chains of steps are laid out here, on straight lines; for any other graph Graphviz finds
the places."""

from __future__ import annotations

from graphrun.diagram.blocks import blocks_placed
from graphrun.diagram.chain import chain_placed
from graphrun.diagram.net import net_placed
from graphrun.diagram.row import row_placed
from graphrun.diagram.shapes import Placed
from graphrun.diagram.view import View
from graphrun.diagram.zoom_place import zoom_placed

__all__ = ["place"]

MOST_NET, MOST_BOXES, MOST_LINES = 120, 160, 320


def place(view: View) -> Placed | None:
    """Places for a picture that is read from left to right, or None where Graphviz is to find them."""
    if not view.boxes:
        return None
    placed: Placed | None = None
    if view.layout == "zoom":
        return zoom_placed(view)
    if view.direction == "LR":
        if view.layout == "net" and len(view.boxes) <= MOST_NET:
            placed = net_placed(view)
        placed = placed or (row_placed(view) if view.layout == "row" else None) or chain_placed(view)
    if placed is None and len(view.boxes) <= MOST_BOXES and len(view.arrows) <= MOST_LINES:
        return blocks_placed(view)
    return placed
