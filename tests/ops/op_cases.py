"""The gradient table as pytest parameters, and graphs of single operations."""

import zlib
from typing import Any

import numpy as np
import pytest

from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.opdef import Case, OpDef
from graphrun.ops.registry import OPS


def table(**wanted: bool) -> list[Any]:
    """Every row of the table: (operation, case), named `matmul-3`."""
    out = []
    for op in OPS.values():
        for k, case in enumerate(op.cases):
            if all(getattr(case, key) == value for key, value in wanted.items()):
                out.append(pytest.param(op, case, id=f"{op.name}-{k}"))
    return out


def generator(op: OpDef, case: Case) -> np.random.Generator:
    """Numbers of that row's own, the same in every run."""
    return np.random.default_rng(zlib.crc32(f"{op.name}{case.shapes}{case.attrs}".encode()))


def dtypes(case: Case) -> tuple[str, ...]:
    return case.dtypes or ("float64",) * len(case.shapes)


def draw(case: Case, rng: np.random.Generator, lead: tuple[int, ...] = ()) -> list[np.ndarray]:
    """Operands of a row; whole numbers from 0 to the upper bound, it among them."""
    low, high = case.domain
    out = []
    for shape, dtype in zip(case.shapes, dtypes(case), strict=True):
        if dtype == "bool":
            out.append(rng.random(lead + shape) < 0.5)
        elif dtype == "int64":
            out.append(rng.integers(0, int(high) + 1, lead + shape))
        else:
            out.append(rng.uniform(low, high, lead + shape).astype(dtype))
    return out


def single(op: OpDef, case: Case) -> tuple[Builder, list[int], int]:
    """A graph with inputs of the case's shapes and one node of `op`."""
    b = Builder()
    inputs = [b.input(f"x{k}", s, d) for k, (s, d) in enumerate(zip(case.shapes, dtypes(case), strict=True))]
    b.owner = b.name_id("out")
    node = op(b, *inputs, **case.attrs)
    b.owner = None
    return b, inputs, node


def value(b: Builder, feeds: dict[int, Any], node: int) -> Any:
    return evaluate(b.graph, feeds, [node])[node]
