"""The slope of a function of one number by differences, with how far it may be off; kinks at the point are told from kinks nearby.

Central differences over steps that shrink by a factor of 4, extrapolated to a step of 0 as Ridders does (Advances in Engineering
Software 4, 1982; Numerical Recipes, section 5.7): each entry of the table has an estimate of its error, and the best one is taken. A step
that crosses a bend, or leaves the domain of the function, is not used. Where the smallest step crosses one still, the point is at a kink.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Slope", "slope"]

Function = Callable[[float], tuple[float, int]]
"""t -> the value there, and how many elements are on another side of a bend than at t = 0."""

STEP = 1e-3  # of the first, fourth-order difference, which is enough where it agrees
LARGEST, LEVELS = 0.064, 14  # the steps of the table: 0.064, 0.016, …, 1e-9
SIDE = 1e-6  # of the slopes on the two sides of a kink
QUIET = 1e-9  # of the moves that show the rounding of the function itself
EPSILON = 2.0**-52


@dataclass(frozen=True, slots=True)
class Slope:
    """The slope at t = 0, its estimated error (infinite where there is none, as at the edge of the function's domain), and the largest
    value that went into it.

    At a kink `bends` is how many elements stand on one, `left` and `right` the slopes of the two sides, and `jumps` says that the
    function is not continuous there.
    """

    value: float
    error: float
    height: float
    bends: int = 0
    left: float = 0.0
    right: float = 0.0
    jumps: bool = False


def slope(f: Function, base: float, said: float, tolerance: float) -> Slope:
    """The slope of `f` at 0, where its value is `base`. Few steps are made where they agree with `said` to `tolerance` (relative)."""
    ends = []
    for t in (2.0, -2.0, 1.0, -1.0):
        end, crossed = f(t * STEP)
        if crossed:
            break
        ends.append(end)
    else:
        c, d, a, b = ends
        found = (8.0 * (a - b) - (c - d)) / (12.0 * STEP)
        if abs(found - said) <= tolerance * max(abs(found), abs(said)):
            height = max(map(abs, (a, b, c, d, base)))
            return Slope(found, 4.0 * EPSILON * height / STEP, height)
    return _extrapolated(f, base, said, tolerance)


def _extrapolated(f: Function, base: float, said: float, tolerance: float) -> Slope:
    noise = 4.0 * EPSILON * abs(base)
    best, error, height, at = 0.0, math.inf, abs(base), LARGEST
    before: list[float] = []
    level, crossed = 0, 0
    while level < LEVELS:
        h = LARGEST / 4.0**level
        up, crossed = f(h)
        if not crossed:
            down, crossed = f(-h)
        if crossed:
            # the shorter the way, the fewer bends are on it
            before = []
            level = max(level + 1, min(level + int(math.log(crossed, 4.0)), LEVELS - 1))
            continue
        level += 1
        if not (math.isfinite(up) and math.isfinite(down)):
            before = []
            continue
        height = max(height, abs(up), abs(down))
        before, off = _row((up - down) / (2.0 * h), before, h)
        off += noise / h
        if abs(before[-1] - said) <= tolerance * max(abs(before[-1]), abs(said)):
            return Slope(before[-1], abs(before[-1] - said) + noise / h, height)
        if off < error:
            best, error, at = before[-1], off, h
        if noise / h > error:
            break
    if crossed and math.isinf(error):
        return _at_kink(f, base)
    if abs(best - said) > max(tolerance * max(abs(best), abs(said)), error):
        error += _noise(f, base) / at
    return Slope(best, error, height)


def _row(first: float, above: Sequence[float], h: float) -> tuple[list[float], float]:
    """The next row of the table, the last of it the best, and its estimated error. A difference that stands alone is trusted the more, the
    smaller its step is."""
    row, off = [first], abs(first) * min(1.0, 1e3 * h)
    for m, value in enumerate(above, 1):
        row.append(row[-1] + (row[-1] - value) / (16.0**m - 1.0))
        near = max(abs(row[m] - row[m - 1]), abs(row[m] - value))
        if not near < off and m > 1:
            return row[:m], off  # rounding has the upper hand from here on
        off = near
    return row, off


def _at_kink(f: Function, base: float) -> Slope:
    """One-sided slopes, with two steps: where the smaller step has a larger slope, the function jumps."""
    crossed = max(f(SIDE)[1], f(-SIDE)[1], 1)
    near, far = [_sides(f, base, h) for h in (SIDE, 10.0 * SIDE)]
    blur = 2.0 * _noise(f, base) / SIDE
    jumps = any(not abs(a - b) <= 1e-2 * max(abs(a), abs(b)) + blur for a, b in zip(near, far, strict=True))
    return Slope((near[0] + near[1]) / 2.0, blur, abs(base), crossed, near[0], near[1], jumps)


def _sides(f: Function, base: float, h: float) -> tuple[float, float]:
    return (base - f(-h)[0]) / h, (f(h)[0] - base) / h


def _noise(f: Function, base: float) -> float:
    """How much rounding there is in a value of the function: by how much values beside each other are off a straight line."""
    found = 4.0 * EPSILON * abs(base)
    for t in (QUIET, 3.0 * QUIET):
        (up, right), (down, left) = f(t), f(-t)
        off = abs(up + down - 2.0 * base)
        if not (right or left) and math.isfinite(off):
            found = max(found, off)
    return found
