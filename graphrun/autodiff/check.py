"""Numerical differentiation, to check gradients with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["central_difference"]


def central_difference(f: Callable[[Any], float], x: Any, index: Any, step: float = 1e-3) -> float:
    """∂f/∂x[index] by central differences of fourth order, over `step` times the size of the entry (at least 1).

    `f` takes an array like `x` (float64, any shape) and gives a number. The error is of the order of step⁴ times the fifth derivative.
    """
    h = step * max(1.0, abs(float(x[index])))

    def at(times: float) -> float:
        moved = x.copy()
        moved[index] = float(x[index]) + times * h
        return f(moved)

    return (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h)
