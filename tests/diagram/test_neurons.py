"""Neurons found in a graph, and their picture."""

from __future__ import annotations

import pytest
from diagram_cases import apart, neurons_of, shipped, written

from graphrun.diagram.neurons import read_net
from graphrun.diagram.view import View
from graphrun.errors import UsageError


def net_of(model, **options):
    graph, built = model.built.graph, model.built
    marks = graph.ancestors([*built.outputs.values(), *([built.loss] if built.loss is not None else [])])
    return graph, read_net(graph, [i for i in range(len(graph)) if marks[i]], loss=built.loss, entries=built.nodes, **options)


def arrows(view: View) -> list[tuple[str, str, str]]:
    return [(a.tail, a.weight, a.head) for a in view.arrows]


def box(view: View, name: str):
    return next(b for b in view.boxes if b.id == name)


def test_the_weights_of_the_net_are_found_from_its_products():
    view = neurons_of(shipped("ann"))
    assert arrows(view) == [
        ("x1", "w1", "u1"),
        ("x2", "w2", "u1"),
        ("x1", "w3", "u2"),
        ("x2", "w4", "u2"),
        ("u1", "w5", "u3"),
        ("u2", "w6", "u3"),
        ("u3", "", "hat_y"),
        ("hat_y", "", "L"),
        ("y", "", "L"),
    ]
    assert [(b.id, b.outline, b.name) for b in view.boxes] == [
        ("x1", "square", "x₁"),
        ("x2", "square", "x₂"),
        ("y", "square", "y"),
        ("u1", "circle", "u₁"),
        ("u2", "circle", "u₂"),
        ("u3", "circle", "u₃"),
        ("hat_y", "circle", "ŷ"),
        ("L", "double circle", "L"),
    ]


def test_values_and_gradients_stand_on_neurons_and_weights():
    view = neurons_of(shipped("ann"))
    assert {b.id: (b.value, b.gradient) for b in view.boxes} == {
        "x1": ("1", ""),
        "x2": ("2", ""),
        "y": ("5", ""),
        "u1": ("5", "4"),
        "u2": ("1", "−6"),
        "u3": ("7", "2"),
        "hat_y": ("7", "2"),
        "L": ("2", "1"),
    }
    labels = {a.weight: a.rows for a in view.arrows if a.weight}
    assert labels["w3"] == ((("ink", "w₃"), ("value", "−1")), (("gradient", "∂ −6"),))
    assert labels["w5"] == ((("ink", "w₅"), ("value", "2")), (("gradient", "∂ 10"),))
    assert [" ".join(text for _, text in row).replace("\u2003", "") for row in view.rows] == [
        "forward u₃ = w₅ · u₁ + w₆ · u₂ = 2 · 5 + (−3) · 1 = 7 L = ½ · (ŷ − y)² = ½ · (7 − 5)² = 2",
        "backward ∂L/∂w₅ = ∂L/∂u₃ · ∂u₃/∂w₅ = 2 · 5 = 10 ∂L/∂w₁ = ∂L/∂u₁ · ∂u₁/∂w₁ = 4 · 1 = 4",
    ]


def test_to_draws_only_what_a_node_depends_on():
    view = neurons_of(shipped("ann"), to="u1")
    assert [b.id for b in view.boxes] == ["x1", "x2", "u1"]


def test_to_with_a_name_that_there_is_not():
    with pytest.raises(UsageError) as caught:
        neurons_of(shipped("ann"), to="hat_z")
    assert str(caught.value) == "error unknown-name: --to: there is no node `hat_z` in the graph\n   help: did you mean `hat_y`?"


def test_biases_and_activations():
    model = written(
        inputs="{x1: 2, x2: -1, y: 1}",
        params="{w1: 0.5, w2: 2, b: 3, c: 1}",
        nodes="  h: tanh(w1 * x1 - w2 * x2 + b)\n  p: 2 * h + c - 1\n  J: (p - y)^2",
    )
    view = neurons_of(model)
    assert arrows(view) == [("x1", "w1", "h"), ("x2", "w2", "h"), ("h", "", "p"), ("p", "", "J"), ("y", "", "J")]
    assert box(view, "h").formula == "tanh"
    assert box(view, "h").below[0][:2] == (("ink", "b"), ("value", "3"))
    assert [row[0] for row in box(view, "p").below] == [("ink", "c"), ("ink", "+ −1")]
    assert view.arrows[1].rows[0] == (("ink", "−w₂"), ("value", "2"))
    assert view.arrows[2].rows == ((("muted", "× 2"),),)
    apart(view)


def test_what_is_no_weighted_sum_has_plain_arrows():
    view = neurons_of(written(inputs="{x: 2, y: 3}", params="{w: 2}", nodes="  a: x * y * w\n  J: sin(a * x)"))
    assert arrows(view) == [("x", "", "a"), ("y", "", "a"), ("w", "", "a"), ("a", "", "J"), ("x", "", "J")]
    apart(view)


def test_a_layer_of_few_units_is_opened_into_scalar_weights():
    model = written(
        inputs="{x: {shape: [1, 2], default: [[1, 2]]}, y: {shape: [1, 2], default: [[1, 0]]}}",
        nodes="  u: x -> dense(2)\n  J: 1/2 * sum((u - y)^2)",
    )
    view = neurons_of(model)
    g = model.grad()
    weight = [[f"{v:.4g}".replace("-", "−") for v in row] for row in g["u.weight"].tolist()]
    found = {a.weight: (a.tail, a.head, a.rows[0][0][1], a.rows[1][0][1]) for a in view.arrows if a.weight}
    assert found == {
        f"u.weight[{i}, {j}]": (f"x[{i}]", f"u[{j}]", "w" + "₁₂"[i] + "₁₂"[j], f"∂ {weight[i][j]}") for j in range(2) for i in range(2)
    }
    assert [row[0] for row in box(view, "u[1]").below] == [("ink", "b₂")]
    assert box(view, "u[1]").value == f"{g.values['u'][0, 1]:.4g}".replace("-", "−")
    apart(view)


@pytest.mark.parametrize(
    "nodes",
    [
        "  h: x -> dense(3, relu) -> dense(2)\n  J: sum(h)",
        "  h: x @ W.T + 1\n  J: sum(h)",
        "  h: W @ x[0] - 2\n  J: sum(h)",
        "  h: softmax(x @ W)\n  J: mean(log(h))",
        "  h: maximum(x, 0)\n  J: sum(h * x)",
        "  h: x * 2 / 3\n  J: sum(-h)",
    ],
)
def test_small_arrays_of_every_kind_can_be_drawn(nodes):
    model = written(inputs="{x: {shape: [1, 2], default: [[1, 2]]}}", params="{W: {shape: [2, 2], init: glorot_uniform()}}", nodes=nodes)
    apart(neurons_of(model), widest=1200.0)


def test_a_weight_that_is_used_twice_shows_its_whole_gradient():
    view = neurons_of(written(inputs="{x: 2}", params="{w: 3}", nodes="  a: w * x\n  J: w * a"))
    assert [a.rows for a in view.arrows] == [((("ink", "w"), ("value", "3")), (("gradient", "∂ 12"),))] * 2
    assert not any(role == "gradient" and text == "backward" for row in view.rows for role, text in row)


def test_a_large_array_is_one_circle():
    model = written(inputs="{x: {shape: [batch, 64]}}", nodes="  h: x -> dense(32)\n  J: mean(h)", data="{rows: []}")
    graph, net = net_of(model)
    assert [(graph.name(n.element[0]), n.element[1]) for n in net.neurons] == [("h", None), ("J", None)]
    assert [graph.name(t.weight) for t in net.neurons[0].terms if t.weight is not None] == ["h.weight"]


def test_a_sum_of_thousands_of_terms():
    model = written(inputs="{x: 1}", params="{w: 2}", nodes="  a: " + " + ".join(["w * x"] * 3000) + "\n  J: a", loss="J")
    _, net = net_of(model)
    assert len(net.neurons[0].terms) == 3000


def test_only_some_steps_are_opened():
    model = shipped("ann")
    graph = model.built.graph
    only = frozenset(i for i in range(len(graph)) if graph.owner(i) == "u3")
    view = neurons_of(model, only=only)
    assert [(b.id, b.outline) for b in view.boxes] == [("u1", "square"), ("u2", "square"), ("u3", "circle")]


@pytest.mark.parametrize("name", ["ann", "neuron", "xor", "larger", "functions"])
@pytest.mark.parametrize("numbers", [True, False])
def test_nothing_overlaps(name, numbers):
    apart(neurons_of(shipped(name), numbers=numbers))


@pytest.mark.parametrize("shape", [(3, 3, 1), (2, 4, 2), (4, 4, 2), (1, 5, 1), (5, 1, 5)])
def test_nothing_overlaps_in_nets_of_scalars(shape):
    nodes, before, k = "", [f"x{i}" for i in range(shape[0])], 0
    weights = []
    for n, units in enumerate(shape[1:]):
        layer = [f"h{n}{i}" for i in range(units)]
        for name in layer:
            terms = []
            for source in before:
                weights.append(f"w{k}")
                terms.append(f"w{k} * {source}")
                k += 1
            nodes += f"  {name}: {' + '.join(terms)}\n"
        before = layer
    inputs = "{" + ", ".join(f"x{i}: {i - 1.25}" for i in range(shape[0])) + "}"
    params = "{" + ", ".join(f"{w}: {0.125 * (k - 3)}" for k, w in enumerate(weights)) + "}"
    apart(neurons_of(written(inputs=inputs, params=params, nodes=f"{nodes}  J: {' + '.join(before)}")))


def test_labels_of_crossing_arrows_stand_near_their_tails():
    view = neurons_of(shipped("ann"), numbers=False, to="hat_y")
    placed = apart(view)
    at = {rows[0][0].text: label.at for label in placed.labels for rows in [label.rows]}
    x1, u2 = placed.boxes["x1"], placed.boxes["u2"]
    part = (at["w₃"][0] - x1[0]) / (u2[0] - x1[0])
    assert 0.25 <= part <= 0.42
    assert (at["w₃"][1] - x1[1]) / (u2[1] - x1[1]) == pytest.approx(part, abs=0.01)
    assert (at["w₁"][0] - x1[0]) / (placed.boxes["u1"][0] - x1[0]) == pytest.approx(0.5, abs=0.02)


def test_columns_are_even_and_lines_straight():
    placed = apart(neurons_of(shipped("ann")))
    at = placed.boxes
    assert at["u3"][1] == at["hat_y"][1] == at["L"][1] == (at["u1"][1] + at["u2"][1]) / 2
    assert at["x1"][1] == at["u1"][1]
    assert at["y"][0] == at["hat_y"][0]
    assert at["y"][1] < at["hat_y"][1]
    for line in placed.lines:
        assert len(line.points) == 2


def test_heat_and_widths():
    view = neurons_of(shipped("ann"), heat=True, widths=True)
    assert {b.id: b.heat for b in view.boxes if b.heat is not None} == pytest.approx(
        {"u1": 4 / 6, "u2": 1.0, "u3": 2 / 6, "hat_y": 2 / 6, "L": 1 / 6}
    )
    assert {a.weight: a.width for a in view.arrows if a.weight} == {"w1": 2.07, "w2": 3.53, "w3": 2.07, "w4": 2.07, "w5": 3.53, "w6": 5.0}
    assert next(a.heat for a in view.arrows if a.weight == "w4") == 1.0
