"""What the built-in optimizers can be given: one number or `true`/`false` for each argument, within the range that torch.optim takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphrun.build.values import Ref, describe, is_number
from graphrun.expr.tree import Bool, Formula
from graphrun.ir.builder import Builder

__all__ = ["option_faults"]

# Argument → (smallest, largest or None, whether it stays below that). A negative rate steps uphill, which is the lints' to tell.
RANGES: dict[str, tuple[float, float | None, bool]] = {
    **dict.fromkeys(("momentum", "weight_decay", "eps", "alpha", "lr_decay", "initial_accumulator_value"), (0, None, False)),
    **dict.fromkeys(("beta1", "beta2"), (0, 1, True)),
    "rho": (0, 1, False),
}


def option_faults(
    optimizer: str, defaults: Mapping[str, Formula | None], values: Mapping[str, Any], b: Builder
) -> Iterator[tuple[str, str, str, str | None]]:
    """What is wrong with the arguments `values` of a built-in optimizer: argument, code, message and help of each fault."""
    for name, value in values.items():
        default = defaults[name]
        flag = default is not None and isinstance(default.tree, Bool)
        if flag != isinstance(value, bool) or not (flag or is_number(value) or isinstance(value, Ref)):
            wanted = "is `true` or `false`" if flag else "is a number"
            found = str(value) if is_number(value) else describe(value)
            yield name, "wrong-type", f"`{name}` of `{optimizer}` {wanted}, and here it is {found}", None
        elif isinstance(value, Ref) and b.shape(value.node):
            message = f"`{name}` of `{optimizer}` is one number for all elements, and here it is {describe(value, b.shape(value.node))}"
            yield name, "wrong-type", message, "for parameters of their own, `per_parameter` sets arguments by name"
        elif is_number(value) and name in RANGES:
            low, high, below = RANGES[name]
            if not (low <= value and (high is None or value < high or (value == high and not below))):
                bound = f"from {low:g} on" if high is None else f"from {low:g} to {'below ' if below else ''}{high:g}"
                yield name, "out-of-range", f"`{name}` of `{optimizer}` is a number {bound}, not {float(value):g}", None
    if values.get("nesterov") is True and (values["momentum"] == 0 or values["dampening"] != 0):
        message = f"`nesterov` of `{optimizer}` takes a `momentum` above 0 and no `dampening`"
        yield "nesterov", "conflicting-keys", message, "sgd(lr=0.1, momentum=0.9, nesterov=true)"
