"""The view of training: forward, backward and update in one picture, in three colours and three kinds of line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from graphrun.diagram.text import pretty
from graphrun.diagram.view import Arrow, Box, Role, Row, View

__all__ = ["Update", "training_view"]


@dataclass(frozen=True, slots=True)
class Update:
    """What changes the boxes of `changes` (by id), as the optimizer's formula; `value` is what comes out, where that is one number."""

    id: str
    name: str
    changes: tuple[str, ...]
    formula: str = ""
    value: str = ""
    tooltip: str = ""
    notes: tuple[str, ...] = ()


def training_view(forward: View, updates: Sequence[Update], loss: str) -> View:
    """The picture `forward` with the gradients that flow back along its arrows, from the box `loss` to what the updates change, and with
    the updates: that of one parameter is written below it, one of several is a box."""
    changed = {i for update in updates for i in update.changes}
    carrying = _carrying(forward.arrows, changed, loss)
    parameters = {box.id for box in forward.boxes if box.kind == "parameter"}
    own = {update.changes[0]: update for update in updates if len(update.changes) == 1 and update.changes[0] in parameters}
    rules = {update.formula.replace(i, "w") for i, update in own.items()}
    one = len(rules) == 1 and all(update.value for update in own.values())
    boxes = [_with_update(box, own.get(box.id), short=one) for box in forward.boxes]
    arrows = list(forward.arrows)
    for arrow in forward.arrows:
        if arrow.tail in carrying and arrow.head in carrying:
            arrows.append(Arrow(arrow.head, arrow.tail, kind="back", tooltip=f"∂{loss} flows back to {arrow.tail}"))
    for update in updates:
        if own.get(update.changes[0] if update.changes else "") is update:
            continue
        rows = tuple(((_role(note), pretty(note)),) for note in update.notes)
        boxes.append(Box(update.id, "optimizer", update.name, pretty(update.formula), update.value, rows=rows, tooltip=update.tooltip))
        arrows += [Arrow(update.id, i, kind="update", tooltip=f"changes {i}") for i in update.changes]
    legend: list[tuple[Role, str]] = [
        ("ink", "solid: forward, values"),
        ("gradient", f"dashed: backward, ∂ gradient of {pretty(loss)}"),
        ("count", "below a parameter: its update" if own else "dotted: update"),
    ]
    if one:
        i, first = next(iter(own.items()))
        legend[-1] = ("count", f"below a parameter: its update, {pretty(f'{i} ← {first.formula}')}")
    return replace(forward, boxes=tuple(boxes), arrows=tuple(arrows), backs=(), legend=tuple(legend), layout="")


def _with_update(box: Box, update: Update | None, *, short: bool) -> Box:
    """A parameter's box with its update below; its formula too, unless that is said once for all."""
    if update is None:
        return box
    said = pretty(update.formula)
    below: tuple[Row, ...] = ((("count", f"{update.name} {update.value}"),),) if update.value else ((("count", f"{update.name} {said}"),),)
    if update.value and not short:
        below = (*below, (("muted", said),))
    return replace(box, below=(*box.below, *below), tooltip=f"{box.tooltip}\n{update.tooltip}")


def _role(note: str) -> Role:
    return "count" if note.endswith(("parameters", "parameter")) else "muted"


def _carrying(arrows: Sequence[Arrow], changed: Iterable[str], loss: str) -> set[str]:
    """The boxes on a way from what is changed to the loss: gradients flow back through them."""
    heads: dict[str, list[str]] = {}
    tails: dict[str, list[str]] = {}
    for arrow in arrows:
        heads.setdefault(arrow.tail, []).append(arrow.head)
        tails.setdefault(arrow.head, []).append(arrow.tail)
    return _reached(heads, changed) & _reached(tails, [loss])


def _reached(ways: Mapping[str, Sequence[str]], starts: Iterable[str]) -> set[str]:
    seen = set(starts)
    stack = list(seen)
    while stack:
        for b in ways.get(stack.pop(), ()):
            if b not in seen:
                seen.add(b)
                stack.append(b)
    return seen
