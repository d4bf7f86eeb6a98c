"""Folding, algebra, sharing and dropping: the graph that is expected, and equal values."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.printer import print_graph
from graphrun.ir.types import OpFault, sym
from graphrun.ir.verify import verify
from graphrun.ops.registry import FAMILIES, OPS
from graphrun.passes.dce import drop
from graphrun.passes.pipeline import optimize
from graphrun.passes.rewrite import rewrite

X, Y, M, N = "x", "y", "m", "n"
LEAVES = {X: ((), "float64"), Y: ((), "float64"), M: ((2, 3), "float64"), N: ((), "int64"), "r": ((3,), "float32")}


def built(tree):
    """A graph with the node for `tree`: a leaf's name, a number, or (operation, operands…, {attributes})."""
    b = Builder()
    leaves = {name: b.input(name, shape, dtype) for name, (shape, dtype) in LEAVES.items()}

    def node(t):
        if isinstance(t, str):
            return leaves[t]
        if not isinstance(t, tuple):
            return b.const(t, "int64" if isinstance(t, int) else "float64")
        attrs = t[-1] if isinstance(t[-1], dict) else {}
        return OPS[t[0]](b, *[node(x) for x in t[1 : len(t) - bool(attrs)]], **attrs)

    return b.graph, node(tree)


def text(graph, i):
    """Node i as a formula."""
    op = graph.op(i).name
    if op == "input":
        return graph.name(i)
    if op == "const":
        return str(graph.attrs(i)["value"])
    shown = {k: v for k, v in graph.attrs(i).items() if k in ("shape", "axes") or (k == "dtype" and op == "cast")}
    return f"{op}({', '.join([*(text(graph, j) for j in graph.inputs(i)), *(f'{k}={v}' for k, v in shown.items())])})"


def reshaped(x, *shape):
    return ("reshape", x, {"shape": shape})


CASES = [
    # folded
    (("add", 1.5, 2.0), "3.5"),
    (("mul", X, ("div", 1.0, 3.0)), "mul(x, 0.3333333333333333)"),
    (("div", 1, 2), "0.5"),
    (("log", -1.0), "nan"),
    # simplified
    (("mul", X, 1.0), "x"),
    (("mul", 1.0, X), "x"),
    (("mul", N, 1.0), "mul(n, 1.0)"),
    (("mul", M, 1.0), "m"),
    (("mul", X, -1.0), "neg(x)"),
    (("mul", ("neg", X), ("neg", Y)), "mul(x, y)"),
    (("mul", 0.5, ("mul", 2.0, X)), "x"),
    (("mul", ("mul", X, 3.0), 0.25), "mul(0.75, x)"),
    (("mul", ("mul", X, 3.0), 0.3), "mul(mul(x, 3.0), 0.3)"),
    (("add", X, 0.0), "add(x, 0.0)"),
    (("add", X, -0.0), "x"),
    (("add", N, 0), "n"),
    (("sub", X, 0.0), "x"),
    (("sub", X, -0.0), "sub(x, -0.0)"),
    (("add", X, ("neg", Y)), "sub(x, y)"),
    (("add", ("neg", X), Y), "sub(y, x)"),
    (("sub", X, ("neg", Y)), "add(x, y)"),
    (("neg", ("neg", X)), "x"),
    (("div", X, 1.0), "x"),
    (("div", X, 4.0), "mul(x, 0.25)"),
    (("div", X, 3.0), "div(x, 3.0)"),
    (("power", X, 1), "x"),
    (("power", X, 2.0), "mul(x, x)"),
    (("power", X, 3), "mul(x, mul(x, x))"),
    (("power", X, 0.5), "power(x, 0.5)"),
    (("identity", X), "x"),
    (("stop_gradient", X), "stop_gradient(x)"),
    (("cast", X, {"dtype": "float64"}), "x"),
    (("cast", ("cast", "r", {"dtype": "float64"}), {"dtype": "float32"}), "r"),
    (("cast", ("cast", X, {"dtype": "float32"}), {"dtype": "float64"}), "cast(cast(x, dtype=float32), dtype=float64)"),
    (reshaped(M, 2, 3), "m"),
    (reshaped(reshaped(M, 6), 3, 2), "reshape(m, shape=(3, 2))"),
    (reshaped(("flatten", M), 2, 3), "m"),
    (("squeeze", ("expand_dims", M, {"axis": 0}), {"axis": 0}), "m"),
    (("swap_last", ("swap_last", M)), "m"),
    (("transpose", ("transpose", M)), "m"),
    (("transpose", M, {"axes": (0, 1)}), "m"),
    (("sum_to", M, {"shape": (2, 3)}), "m"),
    (("broadcast_to", M, {"shape": (2, 3)}), "m"),
    (("mul", M, ("broadcast_to", X, {"shape": (2, 3)})), "mul(m, x)"),
    (("mul", ("broadcast_to", X, {"shape": (2, 3)}), ("broadcast_to", Y, {"shape": (2, 3)})), "broadcast_to(mul(x, y), shape=(2, 3))"),
    (("exp", ("broadcast_to", 0.0, {"shape": (2, 3)})), "broadcast_to(1.0, shape=(2, 3))"),
    (("broadcast_to", reshaped(X, 1, 1), {"shape": (2, 3)}), "broadcast_to(x, shape=(2, 3))"),
    (("concat", M, {"axis": 0}), "m"),
    # shared
    (("sub", ("mul", X, Y), ("mul", Y, X)), "sub(mul(x, y), mul(x, y))"),
]


@pytest.mark.parametrize(("tree", "expected"), CASES, ids=[str(c[0]) for c in CASES])
def test_a_rule(tree, expected):
    graph, i = built(tree)
    done, new = optimize(graph, [i], verify)
    assert text(done, new[i]) == expected
    data = np.random.default_rng(0)
    values = {name: data.uniform(-2, 2, shape).astype(dtype) for name, (shape, dtype) in LEAVES.items()}
    values["x"] = np.float64(-0.0) if "0.0" in str(tree) else values["x"]
    (before,) = [evaluate(graph, {graph.index()[n]: v for n, v in values.items()}, [i])[i]]
    after = evaluate(done, {k: values[n] for n, k in done.index().items() if n in values}, [new[i]])[new[i]]
    np.testing.assert_allclose(after, before, rtol=1e-15, atol=0)
    assert np.array_equal(np.signbit(after), np.signbit(before))


def test_equal_nodes_are_one_and_the_first_name_stays():
    b = Builder()
    x, y = b.input("x", (), "float64"), b.input("y", (), "float64")
    made = []
    for name, operands in (("p", (x, y)), ("q", (y, x)), ("s", (x, x))):
        i = OPS["mul"](b, *operands)
        b.set_owner(i, b.name_id(name))
        made.append(i)
    graph, new = optimize(b.graph, made, verify)
    assert new[made[0]] == new[made[1]] != new[made[2]]
    assert print_graph(graph).split("\n")[2:] == [
        "     2  p = mul(x, y)  float64 []",
        "     3  s = mul(x, x)  float64 []",
    ]


def test_a_node_made_in_place_of_another_bears_its_name_place_and_call():
    b = Builder()
    x = b.input("x", (), "float64")
    b.owner, b.place, b.call = b.name_id("h"), 5 << 28, b.call_id("h", "square", -1)
    i = OPS["power"](b, x, b.const(2.0, "float64"))
    graph, new = optimize(b.graph, [i])
    k = new[i]
    assert (graph.op(k).name, graph.name(k), graph.place(k)[1], graph.calls[graph.call(k)].name) == ("mul", "h", 5, "h")


def test_the_name_of_a_gradient_outlives_the_node_it_is_named_after():
    b = Builder()
    x = b.input("x", (), "float64")
    c = OPS["exp"](b, x)
    b.set_owner(c, b.name_id("c"))
    b.owner, b.tag = ~c, b.tag_id("∂J/∂", "")
    g = OPS["neg"](b, x)
    graph, new = drop(b.graph, [g])
    assert graph.name(new[g]) == "∂J/∂c"
    assert c not in new


def test_without_sharing_nothing_is_shared():
    graph, i = built(("sub", ("mul", X, Y), ("mul", X, Y)))
    done, _ = rewrite(graph, [i], {}, share=False)
    assert [done.op(k).name for k in range(len(done))] == ["input", "input", "mul", "mul", "sub"]


def test_what_nothing_reads_is_dropped():
    graph, i = built(("add", X, ("mul", Y, M)))
    done, new = drop(graph, [i])
    assert sorted(done.index()) == ["m", "x", "y"]
    assert len(done) == 5
    assert graph.index()["n"] not in new


def test_symbolic_sizes_stay():
    b = Builder()
    x = b.input("x", (sym("batch"), 3), "float64")
    one = OPS["broadcast_to"](b, b.const(1.0, "float64"), shape=(sym("batch"), 3))
    i = OPS["mul"](b, x, one)
    graph, new = optimize(b.graph, [i], verify)
    assert text(graph, new[i]) == "x"


def test_a_long_chain_takes_no_recursion():
    b = Builder()
    i = b.input("x", (), "float64")
    for _ in range(20_000):
        i = OPS["neg"](b, OPS["sin"](b, i))
    graph, new = optimize(b.graph, [i])
    assert len(graph) == 40_001
    assert new[i] == 40_000


NAMES = sorted(set(OPS) - {op.name for family in ("indexing", "values", "random values") for op in FAMILIES[family]})


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_random_graphs_keep_their_values(seed):
    rng = Random(seed)
    b = Builder()
    leaves = {name: b.input(name, *LEAVES[name]) for name in (X, Y, M, "r")}
    for value in (0.0, 1.0, -1.0, 2.0, 0.5, 0.3):
        b.const(value, "float64")
    while len(b) < 50:
        op = OPS[rng.choice(NAMES)]
        attrs = rng.choice(op.cases).attrs if op.cases else {}
        count = 2 if op.variadic else len(op.arrays)
        try:
            op(b, *[rng.randrange(len(b)) for _ in range(count)], **attrs)
        except (OpFault, AttributeError, IndexError, TypeError):
            continue
    data = np.random.default_rng(seed)
    keep = rng.sample(range(len(b)), 6)
    graph, new = optimize(b.graph, keep, verify)
    fed = {i: data.uniform(-2, 2, b.shape(i)) for i in leaves.values()}
    before = evaluate(b.graph, fed, keep)
    after = evaluate(graph, {new[i]: v for i, v in fed.items() if i in new}, [new[i] for i in keep])
    for i in keep:
        assert graph.type(new[i]) == b.type(i)
        np.testing.assert_allclose(np.asarray(after[new[i]], float), np.asarray(before[i], float), rtol=1e-6, atol=1e-9)
