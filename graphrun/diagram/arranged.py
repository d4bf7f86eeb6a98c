"""Views and flows as the placing of blocks takes them: gradients as arrows, no empty panels, ends of arrows side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from graphrun.diagram.geometry import Rect
from graphrun.diagram.layered import Flow, Laid
from graphrun.diagram.shapes import Point, Size
from graphrun.diagram.view import Arrow, Row, View

__all__ = ["fanned", "on_circle", "with_backs", "without_empty_panels"]

STEP = 24.0  # between the ends of arrows on one side of a box, where gradients flow back


def without_empty_panels(view: View) -> View:
    """The view without panels that hold no box."""
    parents = {panel.id: panel.parent for panel in view.panels}
    held: set[str] = set()
    for box in view.boxes:
        panel = box.panel
        while panel in parents and panel not in held:
            held.add(panel)
            panel = parents[panel]
    return replace(view, panels=tuple(panel for panel in view.panels if panel.id in held))


def with_backs(view: View) -> View:
    """Gradients that flow back as arrows of their own, with the products that they carry."""
    more = []
    for back in view.backs:
        rows: list[Row] = [(("gradient", back.symbols),)] if back.symbols else []
        rows += [(("gradient", back.numbers),)] if back.numbers else []
        more.append(Arrow(back.tail, back.head, tuple(rows[-1:]), "back", tooltip=back.text))
    return replace(view, arrows=(*view.arrows, *more), backs=()) if more else view


def fanned(flows: list[Flow], laid: Laid, sizes: Mapping[str, Size], above: Mapping[str, float]) -> list[Flow]:
    """The flows, each with a place of its own on the sides of its boxes, in the order of where they lead; so that what flows forward and
    what flows back between two boxes run side by side. `sizes` are those of the boxes as they are drawn, whose middles lie so far `above`
    those of the room that they take."""
    sides: dict[tuple[str, bool], list[tuple[float, bool, int, bool]]] = {}
    for k, flow in enumerate(flows):
        if laid.rank[flow.tail] == laid.rank[flow.head]:
            continue
        for own, other, leaves in ((flow.tail, flow.head, True), (flow.head, flow.tail, False)):
            if own.startswith("b "):
                after = laid.rank[other] > laid.rank[own]
                sides.setdefault((own, after), []).append((-laid.at[other][1], not flow.ranked, k, leaves))
    out = list(flows)
    for (own, _), ends in sides.items():
        step = min(STEP, (sizes[own].height - 16.0) / max(len(ends) - 1, 1))
        for n, (_, _, k, leaves) in enumerate(sorted(ends)):
            at = above[own] + ((len(ends) - 1) / 2 - n) * step
            out[k] = replace(out[k], leaves=at) if leaves else replace(out[k], arrives=at)
    return out


def on_circle(p: Point, rect: Rect) -> Point:
    """A point at the side of the square around a circle, moved onto the circle."""
    dx, dy = p[0] - rect.x, p[1] - rect.y
    if abs(dx) >= abs(dy):
        return rect.x + math.copysign(math.sqrt(max(rect.half**2 - dy**2, 0.0)), dx), p[1]
    return p[0], rect.y + math.copysign(math.sqrt(max(rect.tall**2 - dx**2, 0.0)), dy)
