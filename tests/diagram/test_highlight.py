"""Which nodes and arrows are on a pass, and what is said of it."""

from __future__ import annotations

import pytest
from diagram_cases import functions_of, neurons_of, shipped, view_of, written

from graphrun.diagram.highlight import lighted, read_highlight, targets
from graphrun.errors import UsageError


def lit(view):
    return {b.id for b in view.boxes if b.lit}, [(a.tail, a.head) for a in view.arrows if a.lit]


def neurons(text, **options):
    return neurons_of(shipped("ann"), highlight=text, **options)


def test_forward_lights_both_ends_of_a_weight_and_what_follows():
    view = neurons("forward:w5")
    assert lit(view) == ({"u1", "u3", "hat_y"}, [("u1", "u3"), ("u3", "hat_y")])
    assert view.caption == "forward pass   ∂u₃/∂w₅ = u₁ = 5      local, known as soon as u₁ is"
    assert lit(neurons("forward:w1")) == ({"x1", "u1", "u3", "hat_y"}, [("x1", "u1"), ("u1", "u3"), ("u3", "hat_y")])


def test_backward_lights_a_node_and_what_follows():
    view = neurons("backward:u3")
    assert lit(view) == ({"u3", "hat_y"}, [("u3", "hat_y")])
    assert view.caption == "backward pass   ∂L/∂u₃ = ∂ŷ/∂u₃ · ∂L/∂ŷ = 1 · 2 = 2"


def test_backward_from_a_weight_begins_at_its_head():
    assert lit(neurons("backward:w5")) == lit(neurons("backward:u3"))
    assert neurons("backward:w5").caption == neurons("backward:u3").caption


def test_a_path():
    view = neurons("path:w1->L")
    assert lit(view) == ({"u1", "u3", "hat_y", "L"}, [("x1", "u1"), ("u1", "u3"), ("u3", "hat_y"), ("hat_y", "L")])
    assert view.caption == "path   ∂L/∂w₁ = ∂L/∂ŷ · ∂ŷ/∂u₃ · ∂u₃/∂u₁ · ∂u₁/∂w₁ = 2 · 1 · 2 · 1 = 4"


def test_several_paths():
    view = neurons("path:x1->L")
    assert lit(view)[0] == {"x1", "u1", "u2", "u3", "hat_y", "L"}
    assert view.caption.startswith("2 paths   ∂L/∂x₁ = ")


def test_a_bias_has_no_tail():
    view = neurons_of(shipped("larger"), highlight="forward:b2")
    assert lit(view)[0] == {"a2"}


def test_a_pass_in_the_view_of_functions():
    view = functions_of(shipped("functions"), highlight="path:w0->y")
    assert lit(view) == ({"u", "z", "y"}, [("u", "z"), ("z", "y")])
    assert view.caption == "path   ∂y/∂w₀ = ∂y/∂z · ∂z/∂u · ∂u/∂w₀ = 5 · 4 · 6 = 120"


def test_on_any_view_by_its_boxes():
    model = shipped("ann")
    graph = model.built.graph
    found = read_highlight(graph, "forward:w5", loss=model.built.loss)
    view = view_of(model, expand=True)
    assert lit(lighted(view, found, {i: graph.name(i) for i in range(len(graph))})) == (
        {"w5", "u1", "u3#1", "u3", "hat_y"},
        [("w5", "u3#1"), ("u1", "u3#1"), ("u3#1", "u3"), ("u3", "hat_y")],
    )


def test_without_a_target_a_pass_ends_at_the_loss():
    assert lit(functions_of(shipped("functions"), highlight="forward:w1"))[0] == {"u", "z", "y"}


TARGETS = {"ann": {"y"}, "neuron": {"y"}, "xor": {"y"}, "iris": {"label"}, "functions": set()}


@pytest.mark.parametrize(("name", "expected"), TARGETS.items())
def test_targets(name, expected):
    built = shipped(name).built
    assert {built.graph.name(i) for i in targets(built.graph, built.loss)} == expected


def test_a_residual_is_no_target():
    built = written(inputs="{x: 2, y: 1}", params="{w: 3}", nodes="  h: w * x\n  r: h + x\n  J: (r - y)^2").built
    assert {built.graph.name(i) for i in targets(built.graph, built.loss)} == {"y"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("forward:w7", "error unknown-name: --highlight: there is no node `w7` in the graph\n   help: did you mean `w6`?"),
        (
            "sideways:w5",
            "error bad-highlight: --highlight: `sideways:w5` is no pass through the graph\n"
            "   help: write forward:w5, backward:u3 or path:w1->L",
        ),
        ("w5", "error bad-highlight: --highlight: `w5` is no pass through the graph\n   help: write forward:w5, backward:u3 or path:w1->L"),
        ("path:w1", "error bad-highlight: --highlight: `path:w1` does not say where the path ends\n   help: write path:w1->L"),
        (
            "path:L->w1",
            "error bad-highlight: --highlight: `path:L->w1` lights nothing: w1 does not depend on L\n"
            "   help: the other way round there is one: path:w1->L",
        ),
    ],
)
def test_what_is_no_pass(text, message):
    with pytest.raises(UsageError) as caught:
        neurons(text)
    assert str(caught.value) == message
