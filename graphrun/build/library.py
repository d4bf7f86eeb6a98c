"""The library: layers, losses, optimizers and initializers that ship with the package, written in the spec language."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from graphrun.errors import Reporter
from graphrun.spec.load import read_spec
from graphrun.spec.spec import Function, Optimizer

__all__ = ["FOLDER", "library", "schedules"]

FOLDER = Path(__file__).resolve().parent.parent / "library"
SCHEDULES = FOLDER / "schedules.yaml"


@cache
def library() -> tuple[Mapping[str, Function], Mapping[str, Optimizer]]:
    """All functions (but schedules) and optimizers of the library, by name; read once.

    A function whose name begins with `_` is seen in its own file alone, so that a spec's functions are free to have such names.
    """
    functions: dict[str, Function] = {}
    optimizers: dict[str, Optimizer] = {}
    for path in sorted(FOLDER.glob("*.yaml")):
        if path != SCHEDULES:
            found, more = _read(path)
            functions.update((name, f) for name, f in found.items() if not name.startswith("_"))
            optimizers.update(more)
    return functions, optimizers


@cache
def schedules() -> Mapping[str, Function]:
    """The schedules, by name: in the arguments of an optimizer they go before a function of the same name (`linear`, `constant`)."""
    return {name: f for name, f in _read(SCHEDULES)[0].items() if not name.startswith("_")}


def _read(path: Path) -> tuple[Mapping[str, Function], Mapping[str, Optimizer]]:
    reporter = Reporter()
    spec = read_spec(path, (), reporter)
    reporter.raise_errors()
    assert spec is not None
    return spec.file.functions, spec.file.optimizers
