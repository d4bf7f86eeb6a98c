"""A formula on its own, over values of given types: the transforms of data."""

from __future__ import annotations

from collections.abc import Mapping

from graphrun.build.assemble import Assembly
from graphrun.build.library import library
from graphrun.build.names import Scope
from graphrun.build.values import Ref, constant
from graphrun.errors import Reporter, SpecError
from graphrun.ir.graph import Graph
from graphrun.ir.types import TensorType
from graphrun.spec.spec import Path, Spec

__all__ = ["lower_formula"]


def lower_formula(spec: Spec, path: Path, written: str, names: Mapping[str, TensorType]) -> tuple[Graph, dict[str, int], int]:
    """The graph of the formula at `path` over inputs `names`: (graph, name → leaf, node of its value).

    A reduction without an axis runs over axis 0 alone. Raises SpecError with all faults.
    """
    reporter = Reporter()
    functions, _ = library()
    a = Assembly(reporter, spec.model.dtype, ("batch", *spec.model.dims), False, False, spec.file, functions)
    a.over_rows = True
    leaves = {name: a.builder.input(name, t.shape, t.dtype) for name, t in names.items()}
    a.scope = Scope(spec.file, {**{k: constant(v) for k, v in spec.model.config.items()}, **{n: Ref(i) for n, i in leaves.items()}})
    value = a.node_of(path[-1] if isinstance(path[-1], str) else "value", a.parsed(written, spec.file.positions, path) or [], path)
    if not isinstance(value, Ref):
        reporter.raise_errors()
        reporter.error("not-a-value", "a transform gives one value", spec.value(*path))
    reporter.raise_errors(SpecError)
    assert isinstance(value, Ref)
    return a.builder.graph, leaves, value.node
