"""graphrun: computation graphs and neural nets as data.

    import graphrun as gr

    model = gr.load("specs/neuron.yaml")
    model.run(x=-2.0)["J"]
    model.grad()["w"]
    model.train(steps=100).loss

Names are loaded when they are first used, so that the command line starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphrun.errors import DataError, Diagnostic, GraphrunError, RunError, SpecError, UsageError
    from graphrun.model.difference import Changes, diff
    from graphrun.model.model import Model, load, loads

__all__ = [
    "Changes", "DataError", "Diagnostic", "GraphrunError", "Model", "RunError", "SpecError", "UsageError", "__version__", "diff", "load",
    "loads",
]  # fmt: skip

__version__ = "0.1.0"

_WHERE = {
    **dict.fromkeys(("Model", "load", "loads"), "graphrun.model.model"),
    **dict.fromkeys(("Changes", "diff"), "graphrun.model.difference"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_WHERE.get(name, "graphrun.errors")), name)


def __dir__() -> list[str]:
    return sorted(__all__)
