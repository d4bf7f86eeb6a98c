"""From one row to many: as arrays, and written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.types import OpFault, sym
from graphrun.ir.verify import verify
from graphrun.ops.registry import FAMILIES, OPS
from graphrun.passes.bind import bind
from graphrun.passes.rows import choose, map_rows, over_rows, unroll_rows

ROWS = 5


def neuron(shape=()):
    """½ (w·x - y)², with a part that is the same for all rows."""
    b = Builder()
    x, y, w = b.input("x", shape, "float64"), b.input("y", shape, "float64"), b.param("w", shape, "float64")
    shared = OPS["tanh"](b, w)
    u = OPS["mul"](b, shared, x)
    b.set_owner(u, b.name_id("u"))
    d = OPS["square"](b, OPS["sub"](b, u, y))
    loss = OPS["mul"](b, b.const(0.5, "float64"), OPS["sum"](b, d) if shape else d)
    return b.graph, (x, y, w, u, loss)


@pytest.mark.parametrize("how", ["arrays", "unrolled"])
def test_the_mean_over_rows_and_its_gradient(how):
    graph, (x, y, w, _, loss) = neuron()
    over = over_rows(graph, [x, y], loss, ROWS, how)
    verify(over.graph, how)
    assert (over.how, over.why) == (how, "asked for")
    nodes = over.nodes
    full, gradients = backward(over.graph, over.loss, [nodes[w]])
    verify(full)
    data = np.random.default_rng(0)
    xs, ys = data.normal(size=ROWS), data.normal(size=ROWS)
    values = evaluate(full, {nodes[x]: xs, nodes[y]: ys, nodes[w]: 0.7})
    t = np.tanh(0.7)
    assert values[over.loss] == pytest.approx(np.mean(0.5 * (t * xs - ys) ** 2), rel=1e-14)
    assert values[gradients[nodes[w]]] == pytest.approx(np.mean((t * xs - ys) * xs) * (1 - t * t), rel=1e-14)


def test_copies_are_named_by_row_and_the_shared_part_is_there_once():
    graph, (x, y, w, u, loss) = neuron()
    unrolled = unroll_rows(graph, [x, y], [loss], 3)
    g = unrolled.graph
    verify(g)
    assert [g.name(row[u]) for row in unrolled.rows] == ["u[row 1]", "u[row 2]", "u[row 3]"]
    assert [g.op(i).name for i in range(len(g))].count("tanh") == 1
    assert g.shape(unrolled.shared[x]) == (3,)
    assert w in unrolled.shared
    assert u not in unrolled.shared


def test_names_places_and_calls_are_kept_by_rows_as_arrays():
    b = Builder()
    x = b.input("x", (3,), "float64")
    b.owner, b.place, b.call = b.name_id("h"), 7 << 28, b.call_id("h", "f", -1)
    h = OPS["sum"](b, x)
    graph, new = map_rows(b.graph, [x], [h], 4)
    k = new[h]
    assert (graph.name(k), graph.shape(k), graph.place(k)[1], graph.calls[graph.call(k)].name) == ("h", (4,), 7, "h")
    assert graph.name(new[x]) == "x"


def test_a_symbolic_number_of_rows():
    graph, (x, y, w, _, loss) = neuron((2,))
    over = over_rows(graph, [x, y], loss, sym("batch"))
    assert over.how == "arrays"
    verify(over.graph)
    bound = bind(over.graph, {"batch": 3})
    verify(bound)
    values = {over.nodes[x]: np.ones((3, 2)), over.nodes[y]: np.zeros((3, 2)), over.nodes[w]: np.ones(2)}
    assert evaluate(bound, values)[over.loss] == pytest.approx(np.tanh(1) ** 2)


def test_a_loss_that_no_row_moves_is_itself():
    graph, (x, y, w, _, _) = neuron()
    for how in ("arrays", "unrolled"):
        over = over_rows(graph, [x, y], w, 3, how)
        assert over.loss == over.nodes[w]
        assert {x, y} <= set(over.nodes), "fed leaves are kept, used or not"


def test_the_choice():
    graph, (x, y, _, _, loss) = neuron()
    assert choose(graph, [x, y], loss, 4) == ("unrolled", "6 scalar nodes for each of 4 rows cost less written out")
    assert choose(graph, [x, y], loss, 64) == ("arrays", "64 rows cost less as arrays")
    assert choose(graph, [x, y], loss, sym("batch")) == ("arrays", "the number of rows is not fixed")
    arrays, (x, y, _, _, loss) = neuron((2,))
    assert choose(arrays, [x, y], loss, 4)[0] == "arrays"
    b = Builder()
    i = x = b.input("x", (), "float64")
    for _ in range(2_000):
        i = OPS["neg"](b, i)
    assert choose(b.graph, [x], i, 4) == ("arrays", "2001 nodes for each of 4 rows are too many to write out")


REAL = sorted(op.name for k, family in FAMILIES.items() if k not in ("values", "random values", "indexing") for op in family)
SHAPES = ((), (3,), (2, 3), (1, 3), (2, 1), (3, 2))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(0, 10**9))
def test_each_row_gets_what_it_would_get_alone(seed):
    """Random graphs: mapped over rows as arrays, against the graph for one row run on each."""
    rng = np.random.default_rng(seed)
    b = Builder()
    leaves = [b.input(f"x{k}", SHAPES[rng.integers(len(SHAPES))], "float64") for k in range(5)]
    b.const(0.5, "float64")
    fed = leaves[:3]
    tries = 0
    while len(b) < 22 and tries < 400:
        tries += 1
        op = OPS[REAL[rng.integers(len(REAL))]]
        attrs = op.cases[rng.integers(len(op.cases))].attrs if op.cases else {}
        count = 2 if op.variadic else len(op.arrays)
        operands = [int(i) for i in rng.integers(len(b), size=count)]
        if op.name == "mod" and not b.dtype(operands[1]).startswith("float"):
            continue  # whole numbers have no remainder by 0
        try:
            op(b, *operands, **attrs)
        except (OpFault, AttributeError, IndexError, TypeError):
            continue
    wanted = list(range(len(b)))
    graph, new = map_rows(b.graph, fed, wanted, ROWS)
    verify(graph, "rows")
    many = {i: rng.uniform(0.1, 1.5, (ROWS, *b.shape(i)) if i in fed else b.shape(i)) for i in leaves}
    found = evaluate(graph, {new[i]: v for i, v in many.items()})
    for row in range(ROWS):
        alone = evaluate(b.graph, {i: v[row] if i in fed else v for i, v in many.items()})
        for i in wanted:
            carries = graph.shape(new[i]) != b.shape(i)
            value = found[new[i]][row] if carries else found[new[i]]
            np.testing.assert_allclose(np.asarray(value, float), np.asarray(alone[i], float), rtol=1e-9, atol=1e-11)
