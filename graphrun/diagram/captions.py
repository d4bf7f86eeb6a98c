"""What is said below a picture of a pass: its formula with the number that it comes to."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphrun.diagram.highlight import Highlight
from graphrun.diagram.text import pretty, short_number
from graphrun.ir.formula import factor, number

__all__ = ["Local", "pass_caption"]

MOST_FACTORS = 6
MOST_USERS = 3

Local = Callable[[int, int], "tuple[str, float | None] | None"]
"""(user, operand) → the derivative of the one by the other as a formula (empty where it has none but its number) and as a number."""


def pass_caption(
    found: Highlight,
    *,
    name: Callable[[int], str],
    box_of: Mapping[int, int],
    users: Mapping[int, Sequence[int]],
    local: Local,
    loss: int | None,
    gradients: Mapping[int, Any],
) -> str:
    """The caption. `box_of` gives for a node the node whose value its box shows, `users` the boxes that use a box, by such nodes."""
    start, head, end = (box_of.get(i, i) for i in (found.start, found.head, found.end))
    if found.kind == "forward":
        return _forward(start, head, [box_of.get(i, i) for i in sorted(found.tails)], name, local)
    if found.kind == "backward":
        return _backward(head if found.start not in found.nodes else start, name, users, local, loss, gradients)
    return _path(found, start, end, name, box_of, local, loss, gradients)


def _derivative(over: str, under: str) -> str:
    return f"∂{over}/∂{under}"


def _forward(start: int, head: int, tails: Sequence[int], name: Callable[[int], str], local: Local) -> str:
    if start == head:
        return f"forward pass from {name(start)}"
    got = local(head, start)
    text = f"forward pass   {_derivative(name(head), name(start))}"
    if got is not None:
        formula, value = got
        said = "" if value is None else short_number(value)
        text += f" = {pretty(formula)}" if formula and pretty(formula) != said else ""
        text += f" = {said}" if said else ""
    if len(tails) == 1:
        text += f"      local, known as soon as {name(tails[0])} is"
    return text


def _backward(
    node: int, name: Callable[[int], str], users: Mapping[int, Sequence[int]], local: Local, loss: int | None, gradients: Mapping[int, Any]
) -> str:
    if loss is None:
        return f"backward pass to {name(node)}"
    text = f"backward pass   {_derivative(name(loss), name(node))}"
    found = list(dict.fromkeys(users.get(node, ())))
    total = _scalar(gradients.get(node))
    if found and found != [loss] and len(found) <= MOST_USERS:
        text += " = " + " + ".join(f"{_derivative(name(u), name(node))} · {_derivative(name(loss), name(u))}" for u in found)
        parts = [_product([_value(local(u, node)), _scalar(gradients.get(u))]) for u in found]
        if total is not None and all(parts):
            text += " = " + " + ".join(str(p) for p in parts)
    return text + (f" = {short_number(total)}" if total is not None else "")


def _path(
    found: Highlight,
    start: int,
    end: int,
    name: Callable[[int], str],
    box_of: Mapping[int, int],
    local: Local,
    loss: int | None,
    gradients: Mapping[int, Any],
) -> str:
    after: dict[int, list[int]] = {}
    for j, i in sorted(found.edges):
        a, b = box_of.get(j, j), box_of.get(i, i)
        if a != b and b not in after.setdefault(a, []):
            after[a].append(b)
    paths = _count(after, start, end)
    text = f"path   {_derivative(name(end), name(start))}"
    total = _scalar(gradients.get(start)) if end == loss else None
    if paths > 1:
        return f"{paths} {text.replace('path', 'paths', 1)}" + (f" = {short_number(total)}, their sum" if total is not None else "")
    chain = [start]
    while chain[-1] != end and chain[-1] in after:
        chain.append(after[chain[-1]][0])
    pairs = list(zip(chain[1:], chain[:-1], strict=True))[::-1]
    if not pairs:
        return text
    if len(pairs) <= MOST_FACTORS:
        text += " = " + " · ".join(_derivative(name(u), name(j)) for u, j in pairs) if len(pairs) > 1 else ""
        values = [_value(local(u, j)) for u, j in pairs]
        numbers = _product(values)
        if numbers and len(pairs) > 1:
            text += f" = {numbers}"
        if total is None and all(v is not None for v in values):
            total = math.prod(v for v in values if v is not None)
    return text + (f" = {short_number(total)}" if total is not None else "")


def _count(after: Mapping[int, Sequence[int]], start: int, end: int) -> int:
    """How many paths there are: boxes are numbered by nodes, and a user's number is larger."""
    ways = {start: 1}
    for i in sorted(after):
        for j in after[i]:
            ways[j] = ways.get(j, 0) + ways.get(i, 0)
    return ways.get(end, 0)


def _value(got: tuple[str, float | None] | None) -> float | None:
    return None if got is None else got[1]


def _product(values: Sequence[float | None]) -> str:
    """Numbers multiplied, or nothing where one is missing; what stands behind a sign and begins with a minus is in brackets."""
    if any(v is None for v in values):
        return ""
    texts = [number(v, 4) for v in values if v is not None]
    return pretty(" · ".join(t if k == 0 else factor(t, 40) for k, t in enumerate(texts)))


def _scalar(value: Any) -> float | None:
    if value is None or tuple(getattr(value, "shape", ())) not in ((), (1,)):
        return None
    return float(value.item()) if hasattr(value, "item") else float(value)
