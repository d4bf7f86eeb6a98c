"""The library: layers, losses, optimizers and initializers that ship with the package, written in the spec language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from graphrun.errors import Reporter
from graphrun.spec.load import read_spec
from graphrun.spec.spec import Function, Optimizer

__all__ = ["FOLDER", "library"]

FOLDER = Path(__file__).resolve().parent.parent / "library"


@cache
def library() -> tuple[Mapping[str, Function], Mapping[str, Optimizer]]:
    """All functions and optimizers of the library, by name; read once."""
    functions: dict[str, Function] = {}
    optimizers: dict[str, Optimizer] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        reporter = Reporter()
        spec = read_spec(path, (), reporter)
        reporter.raise_errors()
        assert spec is not None
        functions.update(spec.file.functions)
        optimizers.update(spec.file.optimizers)
    return functions, optimizers
