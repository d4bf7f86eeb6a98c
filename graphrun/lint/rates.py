"""Learning rates outside of what is usual for an optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from graphrun.build.library import library
from graphrun.errors import Diagnostic
from graphrun.expr.tree import Call, Expr, Formula, Num, Unary
from graphrun.lint.look import Look, warning

__all__ = ["unusual_learning_rate"]

# Optimizer → the smallest and the largest rate that people use with it.
USUAL = {
    "sgd": (1e-6, 2.0), "momentum": (1e-6, 2.0), "nesterov": (1e-6, 2.0), "adagrad": (1e-5, 1.0), "adadelta": (1e-3, 10.0),
    "rmsprop": (1e-6, 0.1), "adam": (1e-6, 0.1), "adamw": (1e-6, 0.1), "lion": (1e-7, 0.01),
}  # fmt: skip


def unusual_learning_rate(look: Look) -> Iterator[Diagnostic]:
    """A rate, or the first argument of a schedule, that is a number outside of the usual range of its optimizer."""
    train = look.spec.model.train
    if train is None or train.optimizer is None:
        return
    parsed = look.built.assembly.parsed(train.optimizer, look.spec.file.positions, ("train", "optimizer"))
    call = parsed[0].tree if parsed else None
    if not isinstance(call, Call) or call.func not in USUAL or call.func in look.spec.file.optimizers or call.func not in library()[1]:
        return
    assert parsed is not None
    given = dict(call.kwargs).get("lr", call.args[0] if call.args else None)
    if isinstance(given, Call) and given.args:
        given = given.args[0]
    rate = _number(look, parsed[0], given)
    if given is None or rate is None:
        return
    low, high = USUAL[call.func]
    if not low <= rate <= high:
        sign = ": it steps uphill" if rate < 0 else ": nothing changes" if rate == 0 else ""
        message = f"the learning rate {rate:g} is {'below' if rate < low else 'above'} what is usual for `{call.func}`{sign}"
        place = look.spec.at(parsed[0], given, "train", "optimizer")
        yield from warning("unusual-learning-rate", message, place, f"usual are {low:g} to {high:g}")


def _number(look: Look, formula: Formula, e: Expr | None) -> float | None:
    """What `e` is, where it is a number or the name of one in `config`."""
    if isinstance(e, Num):
        return float(e.value)
    if isinstance(e, Unary) and e.op == "-" and isinstance(e.operand, Num):
        return -float(e.operand.value)
    found = look.spec.model.config.get(formula.source(e)) if e is not None else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
