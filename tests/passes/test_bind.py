"""Binding of symbolic dimensions."""

import pytest

from graphrun.engines.reference import evaluate
from graphrun.errors import UsageError
from graphrun.ir.builder import Builder
from graphrun.ir.leaves import DIMENSION
from graphrun.ir.types import sym
from graphrun.ir.verify import verify
from graphrun.ops.registry import OPS
from graphrun.passes.bind import bind, unbound

BATCH, TIME = sym("batch"), sym("time")


def example():
    b = Builder()
    x = b.input("x", (BATCH, 2), "float64")
    n = DIMENSION(b, dim=BATCH * 2)
    flat = OPS["reshape"](b, x, shape=(BATCH * 2,))
    total = OPS["div"](b, OPS["sum"](b, flat), n)
    return b, x, n, flat, total


def test_types_attributes_and_dimension_nodes_are_bound():
    b, x, n, flat, total = example()
    graph = bind(b.graph, {"batch": 3})
    verify(graph, "bind")
    assert len(graph) == len(b)
    assert graph.shape(x) == (3, 2)
    assert graph.attrs(flat)["shape"] == (6,)
    assert (graph.op(n).name, graph.attrs(n)["value"]) == ("const", 6)
    assert b.shape(x) == (BATCH, 2), "the graph before is as it was"
    assert evaluate(graph, {x: [[1, 2], [3, 4], [5, 9]]}, [total])[total] == 4


def test_types_that_become_equal_are_one():
    b = Builder()
    i, j = b.input("x", (BATCH,), "float64"), b.input("y", (4,), "float64")
    graph = bind(b.graph, {"batch": 4})
    assert graph._type[i] == graph._type[j]


def test_dimensions_without_a_size_are_told():
    b = Builder()
    b.input("x", (BATCH, TIME), "float64")
    DIMENSION(b, dim=sym("width") + 1)
    assert unbound(b.graph) == ["batch", "time", "width"]
    with pytest.raises(UsageError, match="no size is given for the dimensions `time`, `width`"):
        bind(b.graph, {"batch": 2})
    assert unbound(bind(b.graph, {"batch": 2}, partial=True)) == ["time", "width"]


def test_a_negative_size_is_told():
    b = Builder()
    b.input("x", (BATCH - 3,), "float64")
    with pytest.raises(UsageError, match=r"with batch = 2 the shape \[batch - 3\] would be \[-1\]"):
        bind(b.graph, {"batch": 2})
