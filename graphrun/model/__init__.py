"""The parts joined: Model for Python, and what the commands call.

Names are loaded when they are used, so that `validate` needs no NumPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphrun.model.difference import Changes, diff
    from graphrun.model.expect import Result, run_expectations
    from graphrun.model.model import Model, load, loads
    from graphrun.model.results import Gradients, Values
    from graphrun.model.smoke import smoke_test
    from graphrun.model.validation import validate

__all__ = ["Changes", "Gradients", "Model", "Result", "Values", "diff", "load", "loads", "run_expectations", "smoke_test", "validate"]

_WHERE = {
    "Changes": "difference",
    "diff": "difference",
    "Gradients": "results",
    "Result": "expect",
    "run_expectations": "expect",
    "smoke_test": "smoke",
    "Values": "results",
    "validate": "validation",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE.get(name, 'model')}"), name)
