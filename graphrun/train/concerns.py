"""What a run's health gives reason to warn of: gradients that vanish or explode, and steps that are too large.

The bounds are wide on purpose: what is told is worth a look, and a run that learns says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from graphrun.errors import Diagnostic
from graphrun.train.health import OTHERS, Health
from graphrun.train.history import Line
from graphrun.train.loop import Run
from graphrun.train.report import number

__all__ = ["concerns"]

# Where gradients are compared, it is by the root of the mean square of their elements, so that a large matrix and a small bias compare.
NOTHING = 1e-7  # of the largest parameter's gradient: float32 resolves no less, and a parameter so far behind does not learn in a run
FLAT = 1e-12  # of the loss: an update that is to change it by less than this changes nothing in float64 either
LEAST = 3  # measurements before something is called a state and not a moment
GROWTH = 1e3  # of a gradient since the first step; one that grows while its net learns (from a plateau, say) stays below
ABOVE = 10.0  # times the loss at the start, or before the update: far above what batches differ by
NOISE = 1e3  # units in the last place of the loss; less than this is rounding
NAMED = 3  # names in a sentence

CLIP = "train.clip: 1.0"


def concerns(run: Run, dtype: str = "float64") -> list[Diagnostic]:
    """The warnings of a run, each with the names of the parameters that it is about. `dtype` is that of the loss."""
    found = [(line, line.health) for line in run.history.lines if line.health is not None and line.health.gradients]
    if not found or run.gauge is None:
        return []
    return [*_too_large(found, float(np.finfo(dtype).eps)), *_exploding(found), *_vanishing(found, run.gauge.sizes)]


Found = Sequence[tuple[Line, Health]]


def _warning(code: str, message: str, mend: str) -> Diagnostic:
    return Diagnostic(code, message, None, "warning", (), mend)


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:NAMED])
    if len(names) > NAMED:
        return f"{', '.join(shown)} and {len(names) - NAMED:,} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _times(ratio: float) -> str:
    return f"by {number(ratio, 3)} times its own size" if math.isfinite(ratio) else "away from 0"


# -- steps ---------------------------------------------------------------------------------------------------------------


def _too_large(found: Found, eps: float) -> Iterator[Diagnostic]:
    """The loss rises on the very rows that the update was made for: by far at one step, or at most steps."""
    scale = abs(found[0][0].loss)
    for line, health in found:
        rose = not math.isfinite(health.actual) or health.actual > ABOVE * max(abs(line.loss), scale)
        if rose and math.isfinite(line.loss):
            after = line.loss + health.actual
            name = _mover(health)
            message = (
                f"at step {line.step} the update moved {name} {_times(health.ratios[name])}, and the loss on its rows went from "
                f"{number(line.loss, 3)} to {number(after, 3)}"
            )
            yield _warning("step-too-large", message, f"a smaller lr, a warmup of it, or {CLIP}")
            return
    falls = [(line, health) for line, health in found if health.change < -NOISE * eps * abs(line.loss)]
    over = [(line, health) for line, health in falls if health.actual > NOISE * eps * abs(line.loss)]
    if len(falls) > LEAST and 2 * len(over) > len(falls):
        name = _mover(over[-1][1])
        message = (
            f"{len(over)} of {len(falls)} updates that should make the loss smaller make it larger on their own rows; {name} moves most, "
            f"{_times(over[-1][1].ratios[name])} at step {over[-1][0].step}"
        )
        yield _warning("step-too-large", message, f"a smaller lr, or {CLIP}")


def _mover(health: Health) -> str:
    """The parameter whose move should have changed the loss most."""
    parts = {name: abs(part) for name, part in health.predicted.items()}
    finite = {name: part for name, part in parts.items() if not math.isfinite(part)} or parts
    return max(finite, key=lambda name: (finite[name] if math.isfinite(finite[name]) else 0.0))


# -- gradients -----------------------------------------------------------------------------------------------------------


def _exploding(found: Found) -> Iterator[Diagnostic]:
    """A gradient has grown a thousandfold while the loss is far above where it began."""
    first, start = found[0]
    grown: dict[str, tuple[Line, float]] = {}
    for line, health in found[1:]:
        if not abs(line.loss) > ABOVE * abs(first.loss):
            continue
        for name, norm in health.gradients.items():
            if not norm <= GROWTH * start.gradients[name] and norm > 0 and name not in grown:
                grown[name] = (line, norm)
    if grown:
        names = sorted(grown, key=lambda name: -grown[name][1])
        line, norm = grown[names[0]]
        message = (
            f"the gradient of {_listed(names)} explodes: at step {line.step} the norm is {number(norm, 3)} for {names[0]}, "
            f"and {number(start.gradients[names[0]], 3)} at step {first.step}"
        )
        yield _warning("exploding-gradient", message, f"{CLIP}, or a smaller lr; in a deep or recurrent net smaller initial values")


def _vanishing(found: Found, sizes: Mapping[str, int]) -> Iterator[Diagnostic]:
    """A parameter's gradient is nothing beside the others' as long as there is something to learn, or all gradients are nothing."""
    if len(found) < LEAST:
        return
    mend = "units that are off or saturated hand nothing back: other initial values, standardized inputs, or another activation"
    if all(abs(health.change) <= FLAT * abs(line.loss) for line, health in found[:LEAST]) and found[0][0].loss:
        names = [name for name in found[0][1].gradients if name != OTHERS]
        message = (
            f"the gradient of {_listed(names)} is {number(found[0][0].gradient_norm or 0.0, 3)} from the first step on, too small to "
            "change the loss"
        )
        yield _warning("vanishing-gradient", message, f"{mend}; or the run begins at a minimum")
        return
    per = [{name: norm / math.sqrt(sizes.get(name, 1)) for name, norm in health.gradients.items()} for _, health in found]
    tops = [max(one.values()) for one in per]
    live = [k for k, top in enumerate(tops) if top > NOTHING * tops[0] and math.isfinite(top)]
    if len(live) < LEAST:
        return
    flat = [name for name in per[0] if name != OTHERS and all(per[k][name] <= NOTHING * tops[k] for k in live)]
    dead = [name for name in per[0] if name not in flat and sizes.get(name, 1) > 1 and all(per[k][name] == 0 for k in live[-LEAST:])]
    if flat:
        other = max(per[live[0]], key=lambda name: per[live[0]][name])
        norms = found[live[0]][1].gradients
        message = (
            f"the gradient of {_listed(flat)} vanishes: {number(norms[flat[0]], 3)} for {flat[0]} at step {found[live[0]][0].step}, "
            f"where that of {other} is {number(norms[other], 3)}"
        )
        yield _warning("vanishing-gradient", message, mend)
    if dead:
        since = next(found[k][0].step for k in live if all(per[j][dead[0]] == 0 for j in live if j >= k))
        message = f"the gradient of {_listed(dead)} is 0 since step {since}: nothing that it does reaches the loss any more"
        yield _warning("vanishing-gradient", message, mend)
