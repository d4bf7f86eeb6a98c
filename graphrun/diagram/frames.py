"""One picture as many: what is known after each step of forward and backward. Boxes keep their size, so that nothing moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from graphrun.diagram.view import Arrow, Back, Box, Row, View

__all__ = ["frames"]

LATER = "…"
"""Stands for a number that is still to come."""


def frames(view: View) -> Iterator[View]:
    """The picture before anything is computed, then after each step of the forward pass, then of the backward pass. The box whose number
    is new is lit, and the line below says which it is."""
    into = {arrow.head for arrow in view.arrows if arrow.kind == "forward"}
    steps = [box for box in view.boxes if box.id in into and box.value]
    heads = {arrow.head for arrow in view.arrows if arrow.weight}
    back = [box for box in reversed(view.boxes) if box.gradient or (box.id in heads and _has(box.below, "gradient"))]
    total = len(steps) + len(back)
    forward_done: dict[str, None] = {box.id: None for box in view.boxes if box.id not in into}
    done: dict[str, None] = {}
    yield _frame(view, forward_done, done, None, _said("what is given", 0, total))
    for k, box in enumerate(steps):
        forward_done[box.id] = None
        yield _frame(view, forward_done, done, box.id, _said(f"forward   {_worked(box)}", k + 1, total))
    forward_done |= dict.fromkeys(box.id for box in view.boxes)
    for k, box in enumerate(back):
        done[box.id] = None
        yield _frame(view, forward_done, done, box.id, _said(f"backward   {_derived(box, view)}", len(steps) + k + 1, total))


def _said(text: str, k: int, total: int) -> str:
    return f"{text}      {k} of {total}"


def _worked(box: Box) -> str:
    formula = f" = {box.formula}" if box.formula else ""
    return f"{box.name}{formula} = {box.value}"


def _derived(box: Box, view: View) -> str:
    texts = [back.text for back in view.backs if back.head == box.id]
    if len(texts) == 1 and texts[0]:
        return texts[0]
    loss = next((found.name for found in view.boxes if found.kind == "loss" or found.outline == "double circle"), "")
    symbol = f"∂{loss}/∂{box.name}"
    return f"{symbol} = {box.gradient}" if box.gradient else symbol


def _has(rows: Sequence[Row], role: str) -> bool:
    return any(found == role for row in rows for found, _ in row)


def _frame(view: View, known: Mapping[str, None], back: Mapping[str, None], now: str | None, said: str) -> View:
    return replace(
        view,
        boxes=tuple(_box(box, box.id in known, box.id in back, box.id == now) for box in view.boxes),
        arrows=tuple(_arrow(arrow, arrow.head in back) for arrow in view.arrows),
        backs=tuple(_back(found, found.head in back) for found in view.backs),
        caption=said,
        rows=(),
    )


def _box(box: Box, known: bool, back: bool, now: bool) -> Box:
    value = box.value if known or not box.value else LATER
    gradient = box.gradient if back or not box.gradient else LATER
    return replace(box, value=value, gradient=gradient, below=_rows(box.below, back), lit=now, heat=None, like=replace(box, lit=False))


def _arrow(arrow: Arrow, back: bool) -> Arrow:
    return replace(arrow, rows=_rows(arrow.rows, back), lit=False, heat=None)


def _back(found: Back, known: bool) -> Back:
    if known:
        return found
    return replace(found, symbols=LATER if found.symbols else "", numbers=LATER if found.numbers else "")


def _rows(rows: tuple[Row, ...], back: bool) -> tuple[Row, ...]:
    """The gradients of weights and biases, where they are known."""
    if back:
        return rows
    return tuple(tuple((role, f"∂ {LATER}" if role == "gradient" else text) for role, text in row) for row in rows)
