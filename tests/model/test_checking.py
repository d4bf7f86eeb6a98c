"""`check`: right gradients pass, kinks are no faults, and every operation's backward rule that is off by 1e-4 is found and named."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.ir.builder import Builder
from graphrun.ir.opdef import OpDef, Part
from graphrun.model.checking import Comparison, check_gradients
from graphrun.ops.registry import OPS

DIFFERENTIABLE = [op for op in OPS.values() if op.vjp is not None and op.cases]


def case_of(op: OpDef) -> Any:
    """The row of the gradient table with the most elements, up to 200."""
    sizes = [sum(int(np.prod(shape)) for shape in case.shapes) for case in op.cases]
    return op.cases[sizes.index(max((s for s in sizes if s <= 200), default=min(sizes)))]


def compared(op: OpDef, used: OpDef) -> Comparison:
    """sum(weights · op(operands)), with `used` in place of `op`."""
    case = case_of(op)
    rng = np.random.default_rng(zlib.crc32(op.name.encode()))
    b, leaves, inputs = Builder(), {}, []
    types = case.dtypes or ("float64",) * len(case.shapes)
    for k, (shape, dtype) in enumerate(zip(case.shapes, types, strict=True)):
        low, high = case.domain
        i = b.input(f"x{k}", shape, dtype)
        drawn = rng.uniform(low, high, shape) if dtype == "float64" else rng.integers(0, int(high) + 1, shape)
        leaves[i] = drawn.astype(dtype)
        inputs.append(i)
    b.owner = b.name_id("y")
    y = b.node(used, inputs, case.attrs)
    weights = b.input("weights", b.shape(y), b.dtype(y))
    leaves[weights] = rng.uniform(0.5, 1.5, [d for d in b.shape(y) if isinstance(d, int)])
    b.owner = b.name_id("J")
    product = OPS["mul"](b, y, weights)
    of = OPS["sum"](b, product) if b.shape(product) else product
    return check_gradients(b.graph, of, leaves)


def scaled(op: OpDef) -> OpDef:
    """The operation with a backward rule that is off by 1e-4."""
    assert op.vjp is not None
    rule = op.vjp

    def wrong(b: Builder, node: Any, g: int) -> Any:
        factor = b.const(1.0001, b.dtype(g))
        return rule(b, node, OPS["mul"](b, g, factor))

    return replace(op, vjp=wrong)


def has_gradient(c: Comparison) -> bool:
    return any(x.name.startswith("x") and abs(x.backward) > 1e-3 for x in c.checked)


@pytest.mark.parametrize("op", DIFFERENTIABLE, ids=lambda op: op.name)
def test_a_backward_rule_that_is_off_by_a_ten_thousandth_is_found(op: OpDef) -> None:
    right = compared(op, op)
    assert right.ok, right.worst
    wrong = compared(op, scaled(op))
    if not has_gradient(right):
        assert op.name in {"floor", "ceil", "round", "sign", "stop_gradient"}, "the row of the table has no gradient to speak of"
        return
    assert not wrong.ok
    assert wrong.blame is not None
    assert wrong.graph.op(wrong.blame).name == op.name


def checked(nodes: str, **at: Any) -> Comparison:
    text = f"graphrun: 1\ninputs: {{x: {{shape: [3], default: [0, 1, -2]}}}}\nparams: {{w: 2}}\nnodes:\n{nodes}loss: J\n"
    return gr.loads(text).check(at=at)


@pytest.mark.parametrize("formula", ["sum(relu(x) * w)", "max(x * 0)", "sum(clip(x, -2, 1)) * w"])
def test_kinks_are_no_faults(formula: str) -> None:
    c = checked(f"  J: {formula}\n")
    assert c.ok, c.worst
    assert any(x.kinks for x in c.checked)


@pytest.mark.parametrize("formula", ["sum(abs(x) * w)", "sum(maximum(x, 0) * w)"])
def test_the_middle_of_both_sides_is_what_differences_say(formula: str) -> None:
    assert checked(f"  J: {formula}\n").ok


def test_a_slope_outside_of_both_sides_is_wrong_at_a_kink_too(monkeypatch: pytest.MonkeyPatch) -> None:
    relu = OPS["relu"]
    b = Builder()
    x = b.input("x", (2,), "float64")
    used = replace(relu, vjp=lambda b, node, g: (OPS["mul"](b, g, b.const(1.5, "float64")),))
    of = OPS["sum"](b, b.node(used, [x]))
    c = check_gradients(b.graph, of, {x: np.array([0.0, 0.0])})
    assert not c.ok
    assert c.checked[0].kinks == 2


def test_a_kink_nearby_is_not_taken_for_a_fault() -> None:
    c = checked("  J: sum(relu(x)) * w\n", x=[1e-4, -1e-4, 5e-4])
    assert c.ok, c.worst


def test_a_place_that_moves_out_of_range_is_the_edge_of_the_domain() -> None:
    text = "graphrun: 1\ninputs: {x: 1.99}\nparams: {w: [2.0, 3.0]}\nnodes:\n  place: cast(x, 'int64')\n  J: w[place]^2 + x^2\nloss: J\n"
    c = gr.loads(text).check()
    assert c.ok, c.worst


def test_the_worst_entry_is_named() -> None:
    tanh = OPS["tanh"]

    def off_at_one(b: Builder, node: Any, g: int) -> Any:
        (right,) = tanh.vjp(b, node, g)  # type: ignore[misc]
        assert not isinstance(right, Part)
        assert right is not None
        return (OPS["mul"](b, right, b.const((1.0, 1.0, 1.01, 1.0), "float64", (4,))),)

    b = Builder()
    x = b.input("x", (4,), "float64")
    of = OPS["sum"](b, b.node(replace(tanh, vjp=off_at_one), [x]))
    c = check_gradients(b.graph, of, {x: np.array([0.1, 0.2, 0.3, 0.4])})
    assert c.worst is not None
    assert (c.worst.name, c.worst.worst) == ("x", (2,))
    assert c.worst.off == pytest.approx(0.01 / 1.01, rel=1e-3)


def test_what_is_behind_stop_gradient_stays_as_it_is_in_the_differences() -> None:
    found = checked("  s: stop_gradient(w^2)\n  J: s * w\n", w=3.0)
    assert found.ok
    by_name = {c.name: (c.backward, c.numerical) for c in found.checked}
    assert by_name["w"] == (9.0, pytest.approx(9.0))
    slope, numerical = by_name["s"]  # along a direction of its own length
    assert abs(slope) >= 1.5
    assert slope == pytest.approx(numerical)


KINKED = {  # formula over x -> x at a kink, how many of its entries stand there
    "sum(relu(x))": ([0.0, 1.0, -2.0], 1),
    "sum(abs(x))": ([0.0, 1.0, 0.0], 2),
    "sum(clip(x, -1, 1))": ([1.0, -1.0, 0.5], 2),
    "max(x)": ([2.0, 2.0, 1.0], 2),
    "min(x)": ([2.0, 1.0, 1.0], 2),
    "max_pool1d(x, 3)[0]": ([2.0, 2.0, 1.0], 2),
    "topk(x, 2)[0][1]": ([2.0, 1.0, 1.0], 2),
    "sort(x)[0][0] * 3": ([2.0, 1.0, 1.0], 2),
    "sum(where(x > 0, x^2 + 1, 3 * x))": ([0.0, 1.0, -1.0], 1),
    "sum(where(x == 0, 1, x))": ([0.0, 1.0, -1.0], 1),
    "sum(floor(x) + x^2)": ([2.0, 1.5, 0.25], 1),
    "sum(round(x) * x)": ([0.5, 1.25, 0.25], 1),
    "sum(mod(x, 2))": ([4.0, 1.0, 0.5], 1),
    "sum(sign(x) * x^2 + sign(x))": ([0.0, 1.0, 0.5], 1),
    "sum(elu(x, alpha=0.5) + selu(x))": ([0.0, 1.0, 0.5], 1),
    "norm(x, ord=1)": ([0.0, 1.0, 0.5], 1),
    "norm(x, ord=inf)": ([1.0, -1.0, 0.5], 2),
    "norm(x)": ([0.0, 0.0, 0.0], 3),
    "sum(hard_tanh(x) + relu6(x + 6))": ([0.0, 1.0, 0.5], 2),
    "sum(relu(x) - relu(-x))": ([0.0, 1.0, 0.5], 1),
    "sum(x * one_hot(argmax(x), 3))": ([1.0, 1.0, 0.5], 2),
    "sum(cast(cast(x, 'int64'), 'float64') * x)": ([1.0, 1.5, 0.5], 1),
}


@pytest.mark.parametrize("formula", KINKED)
def test_an_entry_at_a_kink_is_told_and_no_fault(formula: str) -> None:
    x, kinks = KINKED[formula]
    found = checked(f'  J: "{formula}"\n', x=x) if "w" in formula else gr.loads(text_of(formula)).check(x=x)
    assert found.ok, found.worst
    by_name = {c.name: c for c in found.checked}
    assert by_name["x"].kinks == kinks
    assert by_name["x"].compared == 3


@pytest.mark.parametrize("formula", KINKED)
def test_beside_a_kink_differences_do_not_reach_over_it(formula: str) -> None:
    x = np.array(KINKED[formula][0]) + 1e-5 * np.array([1.1, -1.3, 0.7])
    found = gr.loads(text_of(formula)).check(x=x)
    assert found.ok, found.worst
    (entry,) = [c for c in found.checked if c.name == "x"]
    assert (entry.kinks, entry.vague) == (0, 0)
    assert entry.off < 1e-6


def text_of(formula: str) -> str:
    return f'graphrun: 1\ninputs: {{x: {{shape: [3]}}}}\nnodes:\n  J: "{formula}"\nloss: J\n'


def test_one_wrong_entry_among_many_is_seen_along_a_direction() -> None:
    square, size = OPS["square"], 20_000

    def off_at_one(b: Builder, node: Any, g: int) -> Any:
        (right,) = square.vjp(b, node, g)  # type: ignore[misc]
        factors = np.ones(size)
        factors[1234] += 1e-4
        return (OPS["mul"](b, right, b.const(tuple(factors.tolist()), "float64", (size,))),)

    b = Builder()
    x = b.input("x", (size,), "float64")
    of = OPS["mean"](b, b.node(replace(square, vjp=off_at_one), [x]))
    found = check_gradients(b.graph, of, {x: np.random.default_rng(0).uniform(0.5, 1.0, size)})
    assert not found.ok
    assert found.checked[0].worst == ()
    assert found.checked[0].compared == 128


def test_float32_is_checked_in_float64() -> None:
    text = text_of("sum(tanh(x)^3)").replace("graphrun: 1", "graphrun: 1\ndtype: float32")
    found = gr.loads(text).check(x=[0.3, -0.2, 0.9])
    assert found.ok
    assert found.worst is not None
    assert found.worst.off < 1e-9


def test_small_losses_and_small_values_are_checked_as_well() -> None:
    for formula, x in (("1e-12 * sum(tanh(x))", [0.3, -0.2, 0.9]), ("sum(log(x))", [1e-7, 1e-3, 1.0]), ("sum(x^3)", [1e6, 2e-6, 1.0])):
        found = gr.loads(text_of(formula)).check(x=x)
        assert found.ok, found.worst
        assert found.worst is not None
        assert found.worst.off < 1e-5


def test_a_value_that_is_not_finite_has_no_differences() -> None:
    with pytest.raises(gr.RunError, match="`J` is nan here"):
        gr.loads(text_of("sum(log(x))")).check(x=[-1.0, 1.0, 2.0])


def test_at_the_edge_of_what_is_finite_a_gradient_is_unclear() -> None:
    found = gr.loads(text_of("sum(sqrt(x))")).check(x=[0.0, 1.0, 2.0])
    (entry,) = [c for c in found.checked if c.name == "x"]
    assert found.ok
    assert entry.vague == 1
