"""Initial values of parameters and state, from their `init`, the seed and their names."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphrun.build.build import Built
from graphrun.build.init import initial
from graphrun.build.values import Param
from graphrun.engines.reference import evaluate
from graphrun.errors import Diagnostic, SpecError

__all__ = ["initial_value", "initial_values"]


def initial_value(built: Built, param: Param, seed: int) -> Any:
    """The initial value of one parameter or state, as an array of its shape and dtype."""
    if isinstance(param.init, int | float):
        return np.full(param.shape, param.init, dtype=param.dtype)
    found = initial(built, param, seed)
    if isinstance(found, tuple):
        graph, node = found
        found = evaluate(graph, {}, [node])[node]
    try:
        value = np.asarray(found, dtype=param.dtype)
        return np.array(np.broadcast_to(value, param.shape))
    except ValueError:
        message = f"the initial value of `{param.name}` is not a regular array of numbers of shape {list(param.shape)}"
        raise SpecError(Diagnostic("ragged-list", message, param.place, help="give every row the same length")) from None


def initial_values(built: Built, seed: int) -> dict[str, Any]:
    """The initial value of every parameter and state; each depends on the seed and its own name alone."""
    return {name: initial_value(built, param, seed) for name, param in [*built.params.items(), *built.state.items()]}
