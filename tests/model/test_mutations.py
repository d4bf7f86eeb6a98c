"""`check` against every operation of the registry: right as it stands, and a backward rule that is off by 1e-4 is found and named.

The operations are taken from the registry: for a new one nothing is to be written here, unless a formula cannot call it by its name.
What is made wrong is the gradient of one operand at a time, all of it or its largest entry alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.opdef import Case, OpDef, Part
from graphrun.ir.types import is_real
from graphrun.model.checking import Checked, Comparison, check_gradients
from graphrun.ops.registry import OPS

OFF = 1e-4

WITHOUT = {  # operations of real numbers that have no backward rule
    "sign": "flat but for a jump at 0",
    "floor": "flat but for its jumps",
    "ceil": "flat but for its jumps",
    "round": "flat but for its jumps",
    "stop_gradient": "stops the gradient, as its name says",
    "bernoulli": "draws: no gradient flows to p",
    "dropout_mask": "draws",
}
WRITTEN = {"gather": "gather({}, {}, axis=1)", "cast": "cast({}, 'float64')", "slice": "{}[1, :, -2]"}


def differentiable() -> list[Any]:
    """Each real operand of each operation with a backward rule."""
    found = []
    for op in OPS.values():
        if op.vjp is None:
            continue
        case = case_of(op)
        for k, dtype in enumerate(dtypes(case)):
            if dtype == "float64":
                found.append(pytest.param(op.name, k, id=f"{op.name}-{k}"))
    return found


def dtypes(case: Case) -> tuple[str, ...]:
    return case.dtypes or ("float64",) * len(case.shapes)


def case_of(op: OpDef) -> Case:
    """The row of the gradient table with the most elements, up to 200; every operation with a rule has one (tests/ops)."""
    sizes = [sum(int(np.prod(shape)) for shape in case.shapes) for case in op.cases]
    return op.cases[sizes.index(max((s for s in sizes if s <= 200), default=min(sizes)))]


def operands(op: OpDef) -> list[np.ndarray]:
    """Values of that row, away from 0 as far as its domain allows."""
    case = case_of(op)
    rng = np.random.default_rng([7, zlib.crc32(op.name.encode())])
    low, high = case.domain
    kinds = zip(case.shapes, dtypes(case), strict=True)
    drawn = {"bool": lambda s: rng.random(s) < 0.5, "int64": lambda s: rng.integers(0, int(high) + 1, s)}
    return [np.asarray(drawn.get(d, lambda s: np.round(rng.uniform(low, high, s), 3))(s)) for s, d in kinds]


def formula(op: OpDef) -> str | None:
    """The operation as a formula calls it, or None where only the backward pass and the build use it."""
    case, names = case_of(op), [f"x{k}" for k in range(len(case_of(op).shapes))]
    if op.name in WRITTEN:
        return WRITTEN[op.name].format(*names)
    if op.name == "dropout" or not op.public:
        return None
    arrays = [f"[{', '.join(names)}]"] if op.variadic else names
    given = [f"{key}={list(v) if isinstance(v, tuple) else v!r}" for key, v in case.attrs.items()]
    return f"{op.name}({', '.join([*arrays, *given])})"


def by_spec(op: OpDef, used: OpDef) -> Comparison:
    """`check` on a spec whose loss is the sum of the operation's values times fixed numbers, with `used` in place of `op`."""
    lines = ["graphrun: 1", "inputs:"]
    params = ["params:"]
    for k, value in enumerate(operands(op)):
        if value.dtype == np.float64:
            params.append(f"  x{k}: {value.tolist()}")
        else:
            lines.append(f"  x{k}: {{shape: {list(value.shape)}, dtype: {value.dtype}, default: {str(value.tolist()).lower()}}}")
    b, y = node_of(op)
    sizes = [d for d in b.shape(y) if isinstance(d, int)]
    lines.append(f"  r: {{shape: {sizes}, default: {weights(sizes).tolist()}}}")
    text = "\n".join([*lines, *params, "nodes:", f'  y: "{formula(op)}"', f"  J: {reduced(op, sizes)}", "loss: J", ""])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(OPS, op.name, used)
        return gr.loads(text).check()


def reduced(op: OpDef, sizes: list[int]) -> str:
    """The weighted sum, without the operation itself."""
    if not sizes:
        return "y * r"
    return "sum(y * r)" if op.name in ("dot", "flatten") else "dot(flatten(y), flatten(r))"


def weights(sizes: list[int]) -> np.ndarray:
    return np.round(np.random.default_rng(5).uniform(0.5, 1.5, sizes), 3)


def node_of(op: OpDef, used: OpDef | None = None) -> tuple[Builder, int]:
    """A graph with inputs x0, x1, … and the operation on them as y."""
    case, b = case_of(op), Builder()
    inputs = [b.input(f"x{k}", shape, dtype) for k, (shape, dtype) in enumerate(zip(case.shapes, dtypes(case), strict=True))]
    b.owner = b.name_id("y")
    return b, b.node(used or op, inputs, case.attrs)


def by_graph(op: OpDef, used: OpDef) -> Comparison:
    """The same on a graph, for what no formula calls."""
    b, y = node_of(op, used)
    r = b.input("r", b.shape(y), b.dtype(y))
    b.owner = b.name_id("J")
    product = OPS["mul"](b, y, r)
    of = OPS["sum"](b, product) if b.shape(product) else product
    sizes = [d for d in b.shape(y) if isinstance(d, int)]
    return check_gradients(b.graph, of, dict(enumerate([*operands(op)])) | {r: weights(sizes)})


def run(op: OpDef, used: OpDef) -> Comparison:
    return by_graph(op, used) if formula(op) is None else by_spec(op, used)


@cache
def right(name: str) -> Comparison:
    return run(OPS[name], OPS[name])


def of_operand(c: Comparison, k: int) -> Checked:
    (found,) = [x for x in c.checked if x.name == f"x{k}"]
    return found


def mutated(op: OpDef, k: int, change: Callable[[Builder, int], int]) -> OpDef:
    """The operation with what its backward rule hands to operand k changed, in the operand's shape."""
    rule = op.vjp
    assert rule is not None

    def wrong(b: Builder, node: Any, g: int) -> Any:
        if node.op.name != op.name:
            return rule(b, node, g)
        handed = list(rule(b, node, g))
        c, shape = handed[k], b.shape(node.inputs[k])
        if c is None:
            return handed
        if isinstance(c, Part):
            c = OPS["unslice"](b, c.g, shape=shape, index=c.index)
        handed[k] = change(b, c if b.shape(c) == shape else OPS["sum_to"](b, c, shape=shape))
        return handed

    return replace(op, vjp=wrong)


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if op.vjp is not None])
def test_a_right_rule_is_found_right(name: str) -> None:
    c = right(name)
    assert c.ok, c.worst
    assert name in {c.graph.op(i).name for i in range(len(c.graph))}
    assert c.worst is not None
    assert c.worst.off < 1e-7
    assert not any(x.kinks or x.vague for x in c.checked)


@pytest.mark.parametrize(("name", "k"), differentiable())
def test_a_rule_that_is_off_by_a_ten_thousandth_is_found(name: str, k: int) -> None:
    op = OPS[name]
    assert np.abs(of_operand(right(name), k).backward) > 1e-3
    c = run(op, mutated(op, k, lambda b, whole: OPS["mul"](b, whole, b.const(1.0 + OFF, b.dtype(whole)))))
    assert not c.ok
    found = of_operand(c, k)
    assert not found.ok
    assert c.worst == found
    assert found.off == pytest.approx(OFF, rel=1e-2)
    assert c.blame is not None
    assert c.graph.op(c.blame).name == name
    assert all(x.ok for x in c.checked if x.name[0] == "x" and x.name != f"x{k}")


@pytest.mark.parametrize(("name", "k"), differentiable())
def test_one_entry_that_is_off_by_a_ten_thousandth_is_found_and_named(name: str, k: int) -> None:
    op, size = OPS[name], operands(OPS[name])[k].size
    shape = operands(op)[k].shape
    at = largest(name, k)
    factors = np.ones(size)
    factors[at] += OFF

    def change(b: Builder, whole: int) -> int:
        return OPS["mul"](b, whole, b.const(tuple(factors.tolist()) if shape else float(factors[0]), "float64", shape))

    c = run(op, mutated(op, k, change))
    found = of_operand(c, k)
    assert not found.ok
    assert c.worst == found
    assert found.worst == np.unravel_index(at, shape)
    assert found.off == pytest.approx(OFF, rel=1e-2)
    assert all(x.ok for x in c.checked if x != found)


def largest(name: str, k: int) -> int:
    """The place of the largest entry of the gradient with respect to operand k."""
    op = OPS[name]
    b, y = node_of(op)
    r = b.input("r", b.shape(y), b.dtype(y))
    product = OPS["mul"](b, y, r)
    of = OPS["sum"](b, product) if b.shape(product) else product
    graph, found = backward(b.graph, of, [k])
    sizes = [d for d in b.shape(y) if isinstance(d, int)]
    values = evaluate(graph, dict(enumerate(operands(op))) | {r: weights(sizes)})
    return int(np.argmax(np.abs(values[found[k]])))


def test_an_operation_without_a_rule_has_a_reason() -> None:
    for op in OPS.values():
        if op.vjp is not None or op.name in WITHOUT or set(op.arrays) <= {"step"}:  # these make values of nothing
            continue
        b = Builder()
        inputs = [b.input(name, (2, 2), "int64" if op.name == "one_hot" else "float64") for name in op.arrays]
        node = b.node(op, inputs, {name: 2 for name in ("kernel_size", "num_classes") if name in {a.name for a in op.attrs}})
        real = [is_real(b.dtype(i)) for i in (*inputs, node)]
        assert not (any(real[:-1]) and real[-1]), f"{op.name} makes real values of real ones, has no backward rule, and no reason here"
    assert set(WITHOUT) <= {n for n, op in OPS.items() if op.vjp is None}
