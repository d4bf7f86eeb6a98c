"""Which engine runs a step, and why."""

from __future__ import annotations

from collections.abc import Mapping

from graphrun.engines.base import Engine, Step
from graphrun.engines.python import PythonEngine
from graphrun.engines.reference import ReferenceEngine
from graphrun.errors import Diagnostic, UsageError, nearest

__all__ = ["ENGINES", "MOST_STEPS", "choose", "get_engine"]

ENGINES: Mapping[str, type[PythonEngine] | type[ReferenceEngine]] = {"python": PythonEngine, "reference": ReferenceEngine}
LATER = {"native": "Numba", "jax": "JAX"}
MOST_STEPS = 20_000
"""Above so many nodes straight lines of code take longer to compile than they save."""


def choose(step: Step) -> tuple[str, str]:
    """The name of the engine that `auto` takes for `step`, and why."""
    wanted = [step.loss, *step.outputs.values(), *(s.update for s in step.slots if s.update is not None)]
    needed = step.graph.ancestors(wanted)
    count = sum(1 for i in range(len(step.graph)) if needed[i] and step.graph.inputs(i))
    if count > MOST_STEPS:
        return "reference", f"{count:,} steps are too many to write out as Python"
    return "python", f"{count:,} steps written out as Python"


def get_engine(name: str, step: Step) -> tuple[Engine, str]:
    """The engine of that name, and why it was taken; raises UsageError for a name that is no engine's.

    With `auto`, the choice for `step`.
    """
    why = "asked for"
    if name == "auto":
        name, why = choose(step)
    found = ENGINES.get(name)
    if found is not None:
        return found(), why
    known = ["auto", *ENGINES]
    if name in LATER:
        message = f"the engine `{name}` ({LATER[name]}) is planned, but this version does not have it yet"
        raise UsageError(Diagnostic("not-yet", message, help=f"engines: {', '.join(known)}"))
    near = nearest(name, known)
    mend = f"did you mean `{near}`?" if near else f"engines: {', '.join(known)}"
    raise UsageError(Diagnostic("unknown-engine", f"there is no engine called `{name}`", help=mend))
