"""Learning rates outside of what is usual for an optimizer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from graphrun.build.library import library, schedules
from graphrun.errors import Diagnostic, Place
from graphrun.expr.tree import Binary, Call, Expr, Formula, Name, Num, Unary
from graphrun.lint.look import Look, warning

__all__ = ["unusual_learning_rate"]

# Optimizer → the smallest and the largest rate that people use with it.
USUAL = {
    "sgd": (1e-6, 2.0), "momentum": (1e-6, 2.0), "nesterov": (1e-6, 2.0), "adagrad": (1e-5, 1.0), "adadelta": (1e-3, 10.0),
    "rmsprop": (1e-6, 0.1), "adam": (1e-6, 0.1), "adamw": (1e-6, 0.1), "lion": (1e-7, 0.01),
}  # fmt: skip
_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: float(a**b),
}


def unusual_learning_rate(look: Look) -> Iterator[Diagnostic]:
    """A rate whose number, or whose schedule's largest, is outside of the usual range of its optimizer; those of `per_parameter` too."""
    train = look.spec.model.train
    if train is None or train.optimizer is None:
        return
    parsed = look.built.assembly.parsed(train.optimizer, look.spec.file.positions, ("train", "optimizer"))
    call = parsed[0].tree if parsed else None
    if not isinstance(call, Call) or call.func not in USUAL or call.func in look.spec.file.optimizers or call.func not in library()[1]:
        return
    assert parsed is not None
    given = dict(call.kwargs).get("lr", call.args[0] if call.args else None)
    if given is not None:
        yield from _judged(look, call.func, parsed[0], given, look.spec.at(parsed[0], given, "train", "optimizer"))
    for pattern, arguments in train.per_parameter.items():
        path = ("train", "per_parameter", pattern, "lr")
        formulas = look.built.assembly.parsed(arguments["lr"], look.spec.file.positions, path) if "lr" in arguments else None
        if formulas and _rate(look, formulas[0], formulas[0].tree) != 0:  # a rate of 0 freezes what it names
            yield from _judged(look, call.func, formulas[0], formulas[0].tree, look.spec.value(*path))


def _judged(look: Look, optimizer: str, formula: Formula, given: Expr, place: Place | None) -> Iterator[Diagnostic]:
    rate = _rate(look, formula, given)
    low, high = USUAL[optimizer]
    if rate is None or low <= rate <= high:
        return
    sign = ": it steps uphill" if rate < 0 else ": nothing changes" if rate == 0 else ""
    message = f"the learning rate {rate:g} is {'below' if rate < low else 'above'} what is usual for `{optimizer}`{sign}"
    yield from warning("unusual-learning-rate", message, place, f"usual are {low:g} to {high:g}")


def _rate(look: Look, formula: Formula, e: Expr) -> float | None:
    """The largest rate that `e` gives, where that can be told: of a schedule its first argument, of a formula of `step` the first step's.

    None where it cannot, and where a formula of `step` begins at zero.
    """
    moving = False

    def value(e: Expr) -> float | None:
        nonlocal moving
        if isinstance(e, Num):
            return float(e.value)
        if isinstance(e, Unary) and e.op == "-":
            inner = value(e.operand)
            return None if inner is None else -inner
        if isinstance(e, Binary) and e.op in _OPERATORS:
            left, right = value(e.left), value(e.right)
            return None if left is None or right is None else _OPERATORS[e.op](left, right)
        if isinstance(e, Call):
            first = dict(e.kwargs).get("lr", dict(e.kwargs).get("max_lr", e.args[0] if e.args else None))
            return None if first is None or e.func not in schedules() else value(first)
        if isinstance(e, Name):
            name = formula.names[e.slot]
            if name == "step":
                moving = True
                return 0.0
            found = look.spec.model.config.get(name, math.pi if name == "pi" else None)
            return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
        return None

    try:
        rate = value(e)
    except (ArithmeticError, ValueError, TypeError):
        return None
    return None if rate == 0 and moving else rate
