"""What the `steps` view shows."""

from __future__ import annotations

import pytest
from diagram_cases import shipped, view_of, written

import graphrun as gr
from graphrun.diagram.groups import formula_groups
from graphrun.diagram.view import Arrow, Box
from graphrun.ir.builder import Builder
from graphrun.ops.arithmetic import ADD, MUL


def boxes(view):
    return {box.id: box for box in view.boxes}


def backs(view):
    return {(back.tail, back.head): (back.symbols, back.numbers) for back in view.backs}


def test_neuron():
    view = view_of(shipped("neuron"))
    found = boxes(view)
    assert [box.id for box in view.boxes] == ["x", "y", "w", "b", "c", "a", "d", "J"]
    assert found["x"] == Box("x", "input", "x", "", "−2", "", "x\nfloat64 []\nvalue −2\nneuron.yaml, line 7")
    assert found["w"] == Box("w", "parameter", "w", "", "2", "−4", "w\nfloat64 []\nvalue 2\ngradient ∂ −4\nneuron.yaml, line 8")
    assert found["J"] == Box("J", "loss", "J", "½ · d²", "2", "1", "J = ½ · d²\nfloat64 []\nvalue 2\ngradient ∂ 1\nneuron.yaml, line 14")
    assert set(view.arrows) == {Arrow(a, b) for a, b in ("wc", "xc", "ca", "ba", "ad", "yd", "dJ")}
    assert backs(view) == {
        ("c", "w"): ("∂J/∂c · ∂c/∂w", "2 · (−2) = −4"),
        ("a", "c"): ("∂J/∂a · ∂a/∂c", "2 · 1 = 2"),
        ("a", "b"): ("∂J/∂a · ∂a/∂b", "2 · 1 = 2"),
        ("d", "a"): ("∂J/∂d · ∂d/∂a", "2 · 1 = 2"),
        ("J", "d"): ("∂J/∂d", "= 2"),
    }
    assert view.legend == (
        ("value", "value, left to right"),
        ("gradient", "∂ gradient of J, right to left"),
        ("ink", "yellow input · blue parameter · violet loss"),
    )
    assert view.caption == ""


def test_names_are_written_as_on_paper():
    found = boxes(view_of(shipped("ann")))
    assert (found["u3"].name, found["u3"].formula) == ("u₃", "w₅ · u₁ + w₆ · u₂")
    assert (found["hat_y"].name, found["hat_y"].formula) == ("ŷ", "u₃")
    assert found["L"].formula == "½ · (ŷ − y)²"
    assert found["L"].tooltip.startswith("L = ")


def test_products_that_are_given_stand_as_they_are():
    model = shipped("neuron")
    at = model.built.nodes
    view = view_of(model, products={(at["J"], at["d"]): "∂J/∂d = d\n= 2", (at["a"], at["c"]): "∂J/∂a · ∂a/∂c\n2 · -1 = -2"})
    assert backs(view)["J", "d"] == ("∂J/∂d = d", "= 2")
    assert backs(view)["a", "c"] == ("∂J/∂a · ∂a/∂c", "2 · −1 = −2")
    assert backs(view)["a", "b"] == ("∂J/∂a · ∂a/∂b", "2 · 1 = 2")


def test_a_value_that_fans_out_has_no_product_where_none_is_given():
    view = view_of(written(params="{w: 3}", nodes="  a: 2 * w\n  b: 5 * w\n  J: a * b"))
    assert backs(view)["a", "w"] == ("∂J/∂a · ∂a/∂w", "")
    assert backs(view)["J", "a"] == ("∂J/∂a", "= 15")


def test_a_gradient_of_zero_that_arrives():
    view = view_of(written(params="{w: 0}", nodes="  a: 3 * w\n  J: a^2"))
    assert backs(view)["a", "w"] == ("∂J/∂a · ∂a/∂w", "= 0")


def test_without_numbers():
    view = view_of(shipped("neuron"), numbers=False)
    assert all(not box.value and not box.gradient for box in view.boxes)
    assert view.backs == ()
    assert [role for role, _ in view.legend] == ["ink"]


def test_short_formulas_are_one_box_unless_expanded():
    model = shipped("larger")
    assert [b.id for b in view_of(model).boxes if b.kind in ("step", "loss")] == ["a1#1", "a1#2", "a1", "a2#1", "a2#2", "a2", "J"]
    assert [b.id for b in view_of(model, expand=True).boxes if b.id.startswith("J")] == ["J#1", "J#2", "J"]


def test_a_formula_of_which_a_step_is_used_elsewhere_is_taken_apart():
    b = Builder()
    x = b.input("x", (), "float64")
    b.owner = b.name_id("u")
    step = MUL(b, x, x)
    u = ADD(b, step, x)
    b.owner = b.name_id("J")
    end = MUL(b, ADD(b, u, x), x)
    assert [g.nodes for g in formula_groups(b.graph, range(len(b.graph)), {}, expand=False)] == [(x,), (step, u), (end - 1, end)]
    assert [g.nodes for g in formula_groups(b.graph, range(len(b.graph)), {"s": step}, expand=False)] == [
        (x,),
        (step,),
        (u,),
        (end - 1, end),
    ]
    b.owner = b.name_id("K")
    other = MUL(b, step, x)
    assert [g.nodes for g in formula_groups(b.graph, range(len(b.graph)), {}, expand=False)] == [
        (x,), (step,), (u,), (end - 1, end), (other,),
    ]  # fmt: skip


def test_layers_and_losses_of_the_library_are_read_as_a_whole():
    view = view_of(shipped("iris"))
    found = boxes(view)
    assert found["h.z"].formula == "x · h.weight + h.bias"
    assert found["logits"].formula == "h · logits.weight + logits.bias"
    assert found["J#5"].formula == "cross_entropy(logits, label)"
    assert "logits.z" not in found
    assert found["x"].value.startswith("[16×4] |·| ")
    assert found["x"].gradient == ""
    assert found["h.weight"].gradient.startswith("|·| ")
    assert found["label"].kind == "input"
    assert {b.head for b in view.backs} == {"h.weight", "h.bias", "h.z", "h", "logits.weight", "logits.bias", "logits", "J#5"}


def test_expanded_library_functions():
    view = view_of(shipped("iris"), expand=True)
    assert {"logits.z", "J#1", "J#3", "h.z#1"} <= set(boxes(view))


def test_what_nothing_depends_on_is_not_drawn():
    model = written(inputs="{x: 2, unused: 1}", params="{w: 3}", nodes="  J: w * x")
    assert [box.id for box in view_of(model).boxes] == ["x", "w", "J"]


def test_a_pair_is_written_out_and_other_arrays_by_shape_and_norm():
    model = written(
        params="{}",
        inputs="{x: {shape: [2]}, z: {shape: [3]}}",
        nodes="  J: sum(x) + sum(z)",
        data="{rows: [[[3, 4], [2, 3, 6]]], columns: [x, z]}",
    )
    found = boxes(view_of(model))
    assert found["x"].value == "[3, 4]"
    assert found["z"].value == "[3] |·| 7"


def test_to_a_node():
    view = view_of(shipped("neuron"), to="a")
    assert [box.id for box in view.boxes] == ["x", "w", "b", "c", "a"]
    with pytest.raises(gr.UsageError, match="--to: there is no node `aa` in the graph"):
        view_of(shipped("neuron"), to="aa")


def test_a_pass_is_lit_with_its_formula_below():
    view = view_of(shipped("neuron"), highlight="path:w->J")
    assert [box.id for box in view.boxes if box.lit] == ["w", "c", "a", "d", "J"]
    assert view.caption == "path   ∂J/∂w = ∂J/∂d · ∂d/∂a · ∂a/∂c · ∂c/∂w = 2 · 1 · 1 · (−2) = −4"
    assert view.backs == ()


def test_shapes_counts_and_cost():
    view = view_of(shipped("iris"), numbers=False, show=("shapes", "parameters", "cost"))
    found = boxes(view)
    assert found["h.weight"].rows == ((("muted", "[4×8]"),), (("count", "32 parameters"),))
    assert found["h.z"].rows == ((("muted", "[batch×8]"),), (("muted", "40 · batch multiply-adds"),), (("muted", "128 B · batch"),))
    assert found["h.z"].value == ""


def test_heat_is_by_size_of_gradient():
    found = boxes(view_of(shipped("neuron"), heat=True))
    assert {i: box.heat for i, box in found.items()} == {
        "x": None, "y": None, "w": 1.0, "b": 0.5, "c": 0.5, "a": 0.5, "d": 0.5, "J": 0.25,
    }  # fmt: skip
