"""A part of a picture, labels, groups and links."""

from __future__ import annotations

import pytest
from diagram_cases import HOSTILE, shipped, to_dot, view_of, written

import graphrun as gr
from graphrun.diagram.part import around, find_boxes, grouped, labelled
from graphrun.model.picture import make_view, options_of


def made(model, **options):
    return make_view(model, options_of(model, **options))


def ids(view):
    return [box.id for box in view.boxes]


def test_what_is_near_a_node():
    view = view_of(shipped("neuron"))
    assert ids(around(view, ["a"], 0)) == ["a"]
    near = around(view, ["a"], 1)
    assert ids(near) == ["b", "c", "a", "d"]
    assert {(a.tail, a.head) for a in near.arrows} == {("b", "a"), ("c", "a"), ("a", "d")}
    assert {(b.tail, b.head) for b in near.backs} == {("a", "b"), ("a", "c"), ("d", "a")}
    assert near.caption == "4 of 8 boxes"
    assert near.legend[-1] == ("ink", "blue parameter")
    assert ids(around(view, ["a"], 9)) == ids(view)


@pytest.mark.parametrize("view", ["steps", "functions", "neurons", "layers", "training"])
def test_focus_and_to_go_with_every_view(view):
    model = shipped("ann")
    assert "u3" in ids(made(model, view=view, focus="u3", radius=1))
    if view != "training":
        assert "L" not in ids(made(model, view=view, to="u3"))


def test_focus_on_what_is_not_there():
    with pytest.raises(gr.UsageError) as error:
        made(shipped("neuron"), view="steps", focus="aa")
    assert error.value.diagnostics[0].to_text() == (
        "error unknown-name: --focus: there is no box `aa` in this picture\n   help: did you mean `a`?"
    )


def test_focus_in_a_large_graph():
    lines = "\n".join(f"  u{k}: {'x' if k == 0 else f'u{k - 1}'} * w" for k in range(3000))
    view = made(written(inputs="{x: 1}", params="{w: 1}", nodes=lines + "\n  J: u2999"), focus="u1500", radius=1)
    assert ids(view) == ["w", "u1499", "u1500", "u1501"]


def test_labels_stand_in_the_place_of_names():
    view = labelled(view_of(shipped("neuron")), {"a": "the sum", "J": "half the square"}, {})
    assert {box.id: box.name for box in view.boxes if box.id in "aJ"} == {"a": "the sum", "J": "half the square"}
    weights = made(shipped("ann"), view="neurons", labels={"w1": "first weight"})
    assert [a.rows[0][0] for a in weights.arrows if a.weight == "w1"] == [("ink", "first weight")]


def test_hostile_labels_and_groups_cannot_break_out():
    for text in HOSTILE:
        view = view_of(shipped("neuron"))
        to_dot(grouped(labelled(view, {"a": text}, {}), {"a": text, "d": text}, {}))


def test_groups_are_panels():
    view = grouped(view_of(shipped("neuron")), {"c": "linear", "a": "linear", "J": "error"}, {})
    assert [(p.id, p.title) for p in view.panels] == [("group linear", (("ink", "linear"),)), ("group error", (("ink", "error"),))]
    assert {box.id: box.panel for box in view.boxes if box.panel} == {"c": "group linear", "a": "group linear", "J": "group error"}


def test_names_by_which_a_box_is_found():
    view = made(shipped("functions"), view="functions")
    assert find_boxes(view, "x1") == ["x1,x2"]


def test_the_spec_says_what_is_drawn():
    text = "{view: steps, direction: TB, show: [values], highlight: 'path:w->J', label: {a: sum}, group: {a: middle}}"
    model = written(params="{w: 2}", nodes="  a: w * 3\n  J: a^2", diagram=text)
    view = made(model)
    assert (view.direction, [p.title for p in view.panels]) == ("TB", [(("ink", "middle"),)])
    assert [(b.name, b.lit, b.gradient) for b in view.boxes] == [("w", True, ""), ("sum", True, ""), ("J", True, "")]
    assert made(model, direction="LR").direction == "LR"


def test_names_in_the_spec_that_are_not_there():
    with pytest.raises(gr.SpecError) as error:
        written(params="{w: 2}", nodes="  a: w * 3\n  J: a^2", diagram="{label: {aa: sum}, group: {zz: x}, highlight: 'forward:b'}")
    assert [(d.code, d.message, d.help) for d in error.value.diagnostics] == [
        ("unknown-name", "`diagram.label` names `aa`, which is not there", "did you mean `a`?"),
        ("unknown-name", "`diagram.group` names `zz`, which is not there", "name an input, a parameter, a node or a layer's call"),
        ("unknown-name", "highlight: there is no node `b` in the graph", "names are those of the spec: J, a, w"),
    ]


def test_links_to_the_lines_of_the_spec():
    view = made(shipped("neuron"), view="steps", link_base="https://example.org/specs/")
    assert next(b.href for b in view.boxes if b.id == "a") == "https://example.org/specs/neuron.yaml#L12"
    layers = made(shipped("iris"), view="layers", link_base="https://example.org/specs/iris.yaml")
    assert next(b.href for b in layers.boxes if b.id == "h").startswith("https://example.org/specs/iris.yaml#L")


def test_several_passes():
    view = made(shipped("ann"), view="neurons", highlight=("forward:w5", "forward:w1"))
    assert {b.id for b in view.boxes if b.lit} == {"x1", "u1", "u3", "hat_y"}
    assert any("∂u₁/∂w₁" in text for row in view.rows for _, text in row)
