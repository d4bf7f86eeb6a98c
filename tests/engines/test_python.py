"""The python engine against the reference engine, and against itself."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_steps import random_step

from graphrun.engines import codegen
from graphrun.engines.base import Slot, Step
from graphrun.engines.python import PythonEngine
from graphrun.engines.reference import ReferenceEngine
from graphrun.ir.builder import Builder
from graphrun.ops.registry import OPS

TOLERANCE = {"float64": 1e-12, "float32": 1e-5}
seeds = st.integers(0, 10**9)


def same(a, b, tolerance):
    """Whether a is b within `tolerance`, relative to the largest entry; nan is nan."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    scale = max(1.0, np.max(np.abs(b[np.isfinite(b)]), initial=0))
    with np.errstate(all="ignore"):
        return bool(np.all((a == b) | (np.isnan(a) & np.isnan(b)) | (np.abs(a - b) <= tolerance * scale)))


def compare(seed, wild, dtype):
    rng = Random(seed)
    step, values, feeds = random_step(rng, rng.randint(5, 40), wild, dtype)
    python, reference = PythonEngine().compile(step), ReferenceEngine().compile(step)
    python.load(values)
    for k in range(3):
        reference.load(python.values())
        found, expected = python.run(feeds, k, 1), reference.run(feeds, k, 1)
        assert same(np.float64(found[0]), np.float64(expected[0]), TOLERANCE[dtype])
        for name in values:
            assert same(python.values()[name], reference.values()[name], TOLERANCE[dtype]), name
        for name in step.outputs:
            assert same(python.outputs[name], reference.outputs[name], TOLERANCE[dtype]), name
    return python


@settings(max_examples=250, deadline=None, derandomize=True)
@given(seeds)
def test_agrees_with_the_reference(seed):
    compare(seed, True, "float64")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seeds)
def test_mild_graphs_never_fall_back(seed):
    assert compare(seed, False, "float64").reruns == 0


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds)
def test_agrees_in_float32(seed):
    compare(seed, True, "float32")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seeds)
def test_bits_depend_neither_on_the_calls_nor_on_the_length_of_functions(seed):
    step, values, feeds = random_step(Random(seed), 30)
    whole, parted, short = (PythonEngine().compile(step) for _ in range(2)), None, None
    whole, parted = whole
    limit, codegen.LIMIT = codegen.LIMIT, 30
    try:
        short = PythonEngine().compile(step)
    finally:
        codegen.LIMIT = limit
    for engine in (whole, parted, short):
        engine.load(values)
    losses = [whole.run(feeds, 0, 6), [parted.run(feeds, k, 1)[0] for k in range(6)], short.run(feeds, 0, 6)]
    for other, found in zip((parted, short), losses[1:], strict=True):
        assert np.array_equal(losses[0], found, equal_nan=True)
        for name in values:
            assert np.array_equal(whole.values()[name], other.values()[name], equal_nan=True)
        for name in step.outputs:
            assert np.array_equal(whole.outputs[name], other.outputs[name], equal_nan=True)


def neuron():
    """The neuron's step: J = ½ (w·x + b - y)², by sgd with lr 0.1, the gradients written by hand."""
    b = Builder()
    x, y = b.input("x", (), "float64"), b.input("y", (), "float64")
    w, bias = b.param("w", (), "float64"), b.param("b", (), "float64")

    def named(name, op, *inputs):
        i = OPS[op](b, *inputs)
        b.set_owner(i, b.name_id(name))
        return i

    c = named("c", "mul", w, x)
    a = named("a", "add", c, bias)
    d = named("d", "sub", a, y)
    loss = named("J", "mul", b.const(0.5, "float64"), OPS["square"](b, d))
    rate = b.const(0.1, "float64")
    new_w = named("w'", "sub", w, OPS["mul"](b, rate, OPS["mul"](b, d, x)))
    new_b = named("b\n'", "sub", bias, OPS["mul"](b, rate, d))
    return Step(b.graph, loss, (Slot("w", w, new_w), Slot("b", bias, new_b)), {"x": x, "y": y}, None, {"a": a})


NEURON = """\
def run(first, count, slots, feeds, record):
    (
        v2, v3,
    ) = slots
    v0 = feeds[0]  # x
    v1 = feeds[1]  # y
    try:
        for k in range(first, first + count):
            v4 = v2 * v0  # c
            v5 = v4 + v3  # a
            v6 = v5 - v1  # d
            v8 = v6 * v6  # %8
            v9 = 0.5 * v8  # J
            record(v9)  # J
            v11 = v6 * v0  # %11
            v12 = 0.1 * v11  # %12
            v13 = v2 - v12  # w?
            v14 = 0.1 * v6  # %14
            v15 = v3 - v14  # b??
            v2 = v13  # w
            v3 = v15  # b
    finally:
        slots[:] = (
            v2, v3,
        )
    return (v5, )
"""


def test_code_of_the_neuron():
    engine = PythonEngine().compile(neuron())
    assert engine.source == NEURON
    engine.load({"w": 2, "b": 8})
    assert engine.run({"x": -2, "y": 2}, 0, 2) == [2.0, 0.5]
    assert engine.outputs == {"a": 3.0}
    assert engine.values()["w"] == pytest.approx(2.6)
    assert engine.values()["b"] == pytest.approx(7.7)


def test_feeds_of_another_shape_are_refused():
    engine = PythonEngine().compile(neuron())
    with pytest.raises(ValueError, match=r"the feed x has the shape \(3,\), and the step was compiled for \(\)"):
        engine.run({"x": np.zeros(3), "y": 2}, 0, 1)
    with pytest.raises(ValueError, match=r"the slot w has the shape \(2,\)"):
        engine.load({"w": [1, 2]})


def scalar_step(*ops):
    """w → op(w), …, with the last as loss, and w + 1 as the new w."""
    b = Builder()
    w = b.param("w", (), "float64")
    i = w
    for name in ops:
        i = OPS[name](b, i)
    return Step(b.graph, i, (Slot("w", w, OPS["add"](b, w, b.const(1.0, "float64"))),), {})


@pytest.mark.parametrize(
    ("ops", "start", "losses"),
    [
        (["reciprocal"], -1.0, [-1.0, np.inf, 1.0, 0.5]),
        (["exp"], 709.0, [np.exp(709.0), np.inf, np.inf, np.inf]),
        (["log"], -1.0, [np.nan, -np.inf, 0.0, np.log(2)]),
        (["reciprocal", "neg", "sigmoid"], -1.0, [1 / (1 + np.exp(-1)), 0.0, 1 / (1 + np.exp(1)), 1 / (1 + np.exp(0.5))]),
    ],
)
def test_what_python_cannot_do_is_done_by_the_reference(ops, start, losses):
    engine = PythonEngine().compile(scalar_step(*ops))
    engine.load({"w": start})
    assert engine.run({}, 0, 4) == pytest.approx(losses, nan_ok=True)
    assert engine.reruns == sum(not np.isfinite(x) for x in losses) + ("neg" in ops)
    assert engine.values()["w"] == start + 4


def test_a_fault_leaves_no_slot_half_moved():
    b = Builder()
    w, a = b.param("w", (), "float64"), b.param("a", (3,), "float64")
    moved = OPS["mul"](b, a, b.const(2.0, "float64"))  # comes first, and can be computed in place
    loss = OPS["add"](b, OPS["sum"](b, a), OPS["reciprocal"](b, w))
    down = OPS["sub"](b, w, b.const(1.0, "float64"))
    step = Step(b.graph, loss, (Slot("w", w, down), Slot("a", a, moved)), {})
    engine = PythonEngine().compile(step)
    engine.load({"w": 1.0, "a": [1, 1, 1]})
    assert engine.run({}, 0, 3) == [4.0, np.inf, 11.0]
    assert engine.reruns == 1
    assert engine.values()["a"].tolist() == [8, 8, 8]


def test_slots_move_at_once():
    """Swaps, of scalars and of arrays, and of views of them."""
    b = Builder()
    p, q = b.param("p", (), "float64"), b.param("q", (), "float64")
    a, c = b.param("a", (2, 2), "float64"), b.param("c", (2, 2), "float64")
    turned = OPS["swap_last"](b, a)
    slots = (Slot("p", p, q), Slot("q", q, p), Slot("a", a, c), Slot("c", c, turned))
    step = Step(b.graph, OPS["sub"](b, p, q), slots, {}, None, {"old": a, "p": p})
    engine = PythonEngine().compile(step)
    first = {"p": 1.0, "q": 2.0, "a": np.array([[1.0, 2], [3, 4]]), "c": np.zeros((2, 2))}
    engine.load(first)
    assert engine.run({}, 0, 1) == [-1.0]
    assert engine.values()["p"] == 2
    assert engine.values()["q"] == 1
    assert engine.values()["a"].tolist() == [[0, 0], [0, 0]]
    assert engine.values()["c"].tolist() == [[1, 3], [2, 4]]
    assert engine.outputs["old"].tolist() == [[1, 2], [3, 4]]
    assert engine.outputs["p"] == 1


def test_an_update_is_computed_in_place_where_nothing_reads_the_old_value_later():
    b = Builder()
    w = b.param("w", (4,), "float64")
    rate = b.const(0.5, "float64")
    once = OPS["sub"](b, w, OPS["mul"](b, rate, w))
    step = Step(b.graph, OPS["sum"](b, w), (Slot("w", w, once),), {})
    assert "copyto" not in PythonEngine().compile(step).source

    b = Builder()
    w, v = b.param("w", (4,), "float64"), b.param("v", (4,), "float64")
    grown = OPS["add"](b, w, w)
    late = OPS["mul"](b, OPS["add"](b, grown, v), w)  # reads the old w after the new one is there
    step = Step(b.graph, OPS["sum"](b, v), (Slot("w", w, grown), Slot("v", v, late)), {})
    engine = PythonEngine().compile(step)
    assert engine.source.count("copyto") == 1
    engine.load({"w": np.ones(4), "v": np.ones(4)})
    engine.run({}, 0, 2)
    assert engine.values()["w"].tolist() == [4] * 4
    assert engine.values()["v"].tolist() == [(4 + 3) * 2.0] * 4


def long_step(n):
    b = Builder()
    w = b.param("w", (), "float64")
    i, half = w, b.const(0.5, "float64")
    for _ in range(n):
        i = OPS["mul"](b, OPS["sin"](b, OPS["add"](b, i, w)), half)
    return Step(b.graph, i, (Slot("w", w, OPS["sub"](b, w, i)),), {})


def test_no_function_is_longer_than_the_limit():
    step = long_step(3000)
    engine = PythonEngine().compile(step)
    bodies = engine.source.split("def ")
    assert len(bodies) > 4
    assert max(body.count("\n") for body in bodies) <= codegen.LIMIT
    reference = ReferenceEngine().compile(step)
    for e in (engine, reference):
        e.load({"w": 0.3})
    assert engine.run({}, 0, 3) == pytest.approx(reference.run({}, 0, 3), rel=1e-12)


def test_buffers_are_used_again():
    """A chain of 100 matrices needs a few buffers, not 100; the one that is read at the end is still itself."""
    b = Builder()
    w = b.param("w", (32, 32), "float64")
    i = first = OPS["tanh"](b, w)
    for _ in range(100):
        i = OPS["tanh"](b, OPS["matmul"](b, i, w))
    loss = OPS["sum"](b, OPS["mul"](b, i, first))
    step = Step(b.graph, loss, (Slot("w", w, OPS["sub"](b, w, first)),), {})
    engine, reference = PythonEngine().compile(step), ReferenceEngine().compile(step)
    assert engine.nbytes <= 5 * 32 * 32 * 8
    start = np.random.default_rng(0).normal(size=(32, 32)) / 8
    for e in (engine, reference):
        e.load({"w": start})
    assert engine.run({}, 0, 3) == pytest.approx(reference.run({}, 0, 3), rel=1e-11)


def test_parts_are_computed_where_the_whole_wants_them():
    b = Builder()
    w = b.param("w", (6,), "float64")
    a, c = OPS["unpack"](b, w, start=0, shape=(2, 2)), OPS["unpack"](b, w, start=4, shape=(2,))
    grads = OPS["pack"](b, OPS["tanh"](b, a), OPS["sin"](b, c))
    step = Step(b.graph, OPS["sum"](b, c), (Slot("w", w, OPS["sub"](b, w, grads)),), {})
    engine = PythonEngine().compile(step)
    assert "copyto" not in engine.source
    assert "k_" not in engine.source
    engine.load({"w": np.arange(6.0)})
    engine.run({}, 0, 1)
    assert engine.values()["w"] == pytest.approx([0, 1 - np.tanh(1), 2 - np.tanh(2), 3 - np.tanh(3), 4 - np.sin(4), 5 - np.sin(5)])


def test_many_scalars_of_a_vector_are_taken_out_and_put_back_by_one_line_each():
    b = Builder()
    w = b.param("w", (70,), "float64")
    parts = [OPS["unpack"](b, w, start=k, shape=()) for k in range(70)]
    packed = OPS["pack"](b, *[OPS["mul"](b, p, p) for p in parts])
    step = Step(b.graph, parts[3], (Slot("w", w, packed),), {})
    engine = PythonEngine().compile(step)
    assert engine.source.count("tolist") == 1
    assert engine.source.count("put70") == 1
    engine.load({"w": np.arange(70.0)})
    assert engine.run({}, 0, 2) == [3.0, 9.0]
    assert engine.values()["w"].tolist() == [float(k**4) for k in range(70)]


def test_what_does_not_move_is_computed_once():
    b = Builder()
    x, w = b.input("x", (3,), "float64"), b.param("w", (), "float64")
    still = OPS["sum"](b, OPS["exp"](b, x))
    step = Step(b.graph, OPS["mul"](b, w, still), (Slot("w", w, OPS["sub"](b, w, still)),), {"x": x})
    before, loop = PythonEngine().compile(step).source.split("for k in range")
    assert "exp(" in before
    assert "exp(" not in loop


def test_the_counter_counts_from_the_first_step():
    b = Builder()
    w, k = b.param("w", (), "float64"), b.input("step", (), "float64")
    step = Step(b.graph, OPS["add"](b, k, w), (Slot("w", w, None),), {}, k)
    engine = PythonEngine().compile(step)
    engine.load({"w": 0.5})
    assert engine.run({}, 7, 3) == [7.5, 8.5, 9.5]
    assert engine.run({}, 10, 0) == []


CASES = [(op, k) for op in OPS.values() for k in range(len(op.cases))]


@pytest.mark.parametrize(("op", "k"), CASES, ids=[f"{op.name}-{k}" for op, k in CASES])
def test_every_operation_in_a_step(op, k):
    """Each row of the gradient table as a step whose real operands move."""
    case = op.cases[k]
    data = np.random.default_rng(k)
    b = Builder()
    slots, feeds, values, inputs = [], {}, {}, []
    for n, shape in enumerate(case.shapes):
        dtype = case.dtypes[n] if n < len(case.dtypes) else "float64"
        name = f"x{n}"
        if dtype == "float64":
            inputs.append(b.param(name, shape, dtype))
            slots.append(Slot(name, inputs[-1], OPS["mul"](b, inputs[-1], b.const(0.75, dtype))))
        else:
            inputs.append(b.input(name, shape, dtype))
            feeds[name] = inputs[-1]
        drawn = data.uniform(*case.domain, shape) if dtype == "float64" else data.integers(0, max(1, int(case.domain[1])), shape)
        values[name] = np.asarray(drawn, dtype)
    out = op(b, *inputs, **case.attrs)
    loss = OPS["sum"](b, OPS["cast"](b, out, dtype="float64"))
    step = Step(b.graph, loss, tuple(slots), feeds, None, {"out": out})
    python, reference = PythonEngine().compile(step), ReferenceEngine().compile(step)
    for engine in (python, reference):
        engine.load({s.name: values[s.name] for s in slots})
        engine.losses = engine.run({name: values[name] for name in feeds}, 0, 2)
    assert same(np.array(python.losses), np.array(reference.losses), 1e-12)
    assert same(python.outputs["out"], reference.outputs["out"], 1e-12)
    for slot in slots:
        assert same(python.values()[slot.name], reference.values()[slot.name], 1e-12)


def test_a_feed_that_is_cut_up_is_fed_anew_by_every_call():
    """Many views of a feed are made once, over a buffer that each call fills."""
    b = Builder()
    x, w = b.input("x", (2, 5, 3), "float64"), b.param("w", (3,), "float64")
    parts = [OPS["slice"](b, x, index=(None, (t, t + 1, 1), None), squeeze=(1,)) for t in range(5)]
    total = OPS["mul"](b, parts[0], w)
    for part in parts[1:]:
        total = OPS["add"](b, OPS["mul"](b, part, w), OPS["tanh"](b, total))
    step = Step(b.graph, OPS["sum"](b, total), (Slot("w", w, OPS["add"](b, w, w)),), {"x": x}, None, {"x": x, "last": parts[4]})
    python, reference = PythonEngine().compile(step), ReferenceEngine().compile(step)
    assert python.source.split("for k in range")[1].count("k_slice") == 0
    data = np.random.default_rng(0)
    for engine in (python, reference):
        engine.load({"w": [0.1, 0.2, 0.3]})
    for k in range(3):
        fed = {"x": data.normal(size=(2, 5, 3))}
        assert python.run(fed, k, 1) == pytest.approx(reference.run(fed, k, 1), rel=1e-13)
        assert np.array_equal(python.outputs["x"], fed["x"])
        assert np.array_equal(python.outputs["last"], fed["x"][:, 4])
