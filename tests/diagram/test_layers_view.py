"""What the view of layers shows, opens and folds."""

from __future__ import annotations

import math
from typing import Any

import pytest
from diagram_cases import SPECS, apart, shipped, to_dot, written

import graphrun as gr
from graphrun.diagram.geometry import rect_around
from graphrun.diagram.shapes import box_rows, rows_size
from graphrun.diagram.view import View
from graphrun.model.picture import ALL, make_view, options_of


def layers(model: Any, **options: Any) -> View:
    return make_view(model, options_of(model, view="layers", **options))


def told(view: View) -> dict[str, str]:
    return {box.id: " | ".join([box.name, *([box.formula] if box.formula else []), *(" ".join(t for _, t in row) for row in box.rows)])
            for box in view.boxes}  # fmt: skip


def arrows(view: View) -> dict[tuple[str, str], str]:
    return {(a.tail, a.head): " | ".join(t for row in a.rows for _, t in row) for a in view.arrows}


def deep(depth: int) -> Any:
    return gr.load(SPECS / "gallery" / "deep.yaml", set={"depth": depth})


def test_layers_with_counts_and_shapes_where_they_change():
    view = layers(shipped("iris"))
    assert told(view) == {
        "x": "x", "label": "label", "h": "dense | 4 → 8, tanh | 40", "logits": "dense | 8 → 3 | 27",
        "probability": "probability | softmax(logits)", "J": "J | mean(cross_entropy)",
    }  # fmt: skip
    assert arrows(view) == {
        ("x", "h"): "[batch, 4]", ("h", "logits"): "h | [batch, 8]", ("logits", "probability"): "logits | [batch, 3]",
        ("logits", "J"): "", ("label", "J"): "[batch]",
    }  # fmt: skip
    assert view.head == (("ink", "iris"), ("muted", "layers"), ("count", "67 parameters"))
    assert next(box for box in view.boxes if box.id == "label").below == ((("muted", "int64"),),)
    apart(view)


def test_equal_copies_of_a_repeat_are_one_stack():
    view = layers(deep(8))
    assert told(view)["h.0 … h.7"] == "block | × 8 | 8 × 4,192"
    assert [box.id for box in view.boxes if box.stacked] == ["h.0 … h.7"]
    assert view.panels == ()


def test_a_first_copy_of_another_shape_stands_by_itself():
    model = written(inputs="{x: {shape: [batch, 4]}}", nodes="  h: x -> repeat(dense(8), 4)\n  J: mean(h)")
    assert told(layers(model)) == {"x": "x", "h.0": "dense | 4 → 8 | 40", "h.1 … h.3": "dense | × 3 | 8 → 8 | 3 × 72", "J": "J | mean(h)"}


def test_a_layer_that_is_shared_says_whose_parameters_it_has():
    nodes = "  a: x -> two(4)\n  b: y -> share(a)\n  J: sum(a - b) + sum(x @ a.first.weight)"
    two = '  two(x, n):\n    nodes: {first: "x -> dense(n, tanh)"}\n    returns: first -> dense(2)'
    view = layers(written(inputs="{x: {shape: [batch, 3]}, y: {shape: [batch, 3]}}", nodes=f"{nodes}\nfunctions:\n{two}"))
    assert told(view) == {
        "x": "x", "y": "y", "a": "two | 26", "b": "two | parameters of a", "J": "J | sum(a − b) + sum(x · a.first.weight)"
    }  # fmt: skip
    assert set(arrows(view)) == {("x", "a"), ("y", "b"), ("a", "J"), ("b", "J"), ("x", "J")}


def test_depth_opens_one_copy_below():
    view = layers(deep(8), depth=2)
    (panel,) = view.panels
    assert (panel.opens, panel.title) == (
        "h.0 … h.7",
        (("ink", "block"), ("muted", "one of eight copies, each with its own parameters"), ("count", "4,192 parameters")),
    )
    inside = {box.id: box for box in view.boxes if box.panel == panel.id}
    assert {i: box.name for i, box in inside.items()} == {
        "h.0 ← start": "start", "h.0.wide": "dense", "h.0.narrow": "dense", "h#1": "+",
    }  # fmt: skip
    assert inside["h#1"].outline == "small circle"
    assert ("h.0 ← start", "h#1") in arrows(view)
    apart(view, 1000)


def test_layers_that_call_no_other_are_opened_last():
    assert not any(box.id.endswith("weight") for box in layers(deep(2), depth=2).boxes)
    found = told(layers(deep(2), depth=3))
    assert found["start.weight"] == "weight | 512"
    assert found["start.z"] == "z | x · weight + bias"


def test_a_scan_is_one_stack_and_opens_to_one_position():
    model = gr.load(SPECS / "gallery" / "recurrent.yaml", set={"length": 256})
    assert told(layers(model))["h"] == "cell | scan × 256"
    view = layers(model, depth=2)
    assert view.panels[0].title == (("ink", "cell"), ("muted", "one of 256 positions, with the same parameters"))
    assert {"h.z@0", "h.new@0"} <= set(told(view))
    assert view.caption.startswith("3,077 steps and 7 inputs and parameters, folded by call and scan to ")


def test_a_layer_and_a_step_of_one_name():
    model = written(inputs="{x: {shape: [batch, 4]}}", nodes="  c: x -> dense(4) -> relu -> softmax\n  J: mean(c)")
    assert list(told(layers(model))) == ["x", "c (dense)", "c", "J"]


def test_residual_joins_are_small_circles():
    view = layers(written(inputs="{x: {shape: [batch, 4]}}", nodes="  h: x + dense(x, 4)\n  g: h * dense(h, 4)\n  J: mean(g)"))
    assert {b.id: b.name for b in view.boxes if b.outline == "small circle"} == {"h": "+", "g": "×"}


def test_cost_is_written_in_each_box():
    found = told(layers(shipped("iris"), show=("cost",)))
    assert found["h"] == "dense | 4 → 8, tanh | 48 · batch multiply-adds | 192 B · batch"


def test_focus_opens_what_is_around_a_layer():
    view = layers(deep(8), focus="h.3", radius=1)
    assert set(told(view)) == {"h.0 … h.2", "h.3.wide", "h.3.narrow", "h#4", "h.4 … h.7"}
    assert view.caption.endswith("5 of 10 boxes")


def test_everything_is_opened_with_depth_all():
    view = layers(deep(2), depth=ALL)
    assert {"start.weight", "h.0.wide.weight", "h.0.wide.z"} <= set(told(view))


def chain(steps: int) -> str:
    lines = [f"  u{k}: {'x' if k == 0 else f'u{k - 1}'} * w + b" for k in range(steps // 2)]
    return "\n".join([*lines, f"  J: u{steps // 2 - 1}^2"])


@pytest.mark.parametrize("view", ["auto", "steps", "layers"])
def test_ten_thousand_steps_are_folded_by_level(view):
    model = written(inputs="{x: 1}", params="{w: 0.99, b: 0}", nodes=chain(10_000))
    found = make_view(model, options_of(model, view=view))
    text = to_dot(found)
    assert len(found.boxes) <= 20
    assert len(found.arrows) <= 40
    folded = "10,001 steps and 3 inputs and parameters, folded by call and level to 15 boxes"
    assert found.caption == f"{folded}; arrows that others imply are left out"
    assert told(found)["w"] == "w | 1 | read by 12 boxes"
    assert text.count("\n") < 200
    bands = [box for box in found.boxes if box.stacked]
    assert sum(int(row[0][1].split()[0].replace(",", "")) for box in bands for row in box.rows[:1]) == 10_001


def test_folded_boxes_are_in_order_and_hold_everything():
    model = written(inputs="{x: 1}", params="{w: 0.99, b: 0}", nodes=chain(2_000))
    found = layers(model)
    place = {box.id: k for k, box in enumerate(found.boxes)}
    assert all(place[a.tail] < place[a.head] for a in found.arrows)


def test_the_whole_graph_as_dot():
    model = written(inputs="{x: 1}", params="{w: 0.99, b: 0}", nodes=chain(2_000))
    text = model.draw("dot", view="steps").decode()
    assert text.count("shape=point") == 0
    assert sum(1 for line in text.split("\n") if line.startswith('"') and "->" not in line) == 1003 + 1


def test_a_thousand_copies():
    model = written(inputs="{x: {shape: [batch, 4]}}", nodes="  h: x -> repeat(dense(4), 1000)\n  J: mean(h)")
    found = told(layers(model))
    assert found["h.0 … h.999"] == "dense | × 1,000 | 4 → 4 | 1,000 × 20"


def test_a_node_that_is_asked_for_stands_by_itself():
    model = written(inputs="{x: 1}", params="{w: 0.99, b: 0}", nodes=chain(2_000))
    view = layers(model, focus="u500", radius=1)
    assert list(told(view)) == ["u418 … u499", "u500", "u501 … u583"]
    whole = {(a.tail, a.head) for a in view.arrows}
    assert not any((b, a) in whole for a, b in whole)


def test_values_and_gradients_of_what_comes_out():
    found = {b.id: b for b in layers(shipped("iris"), show=("values", "gradients", "heat")).boxes}
    assert (found["h"].value, found["h"].gradient) == ("[16×8] |·| 4.97", "|·| 0.202")
    assert found["logits"].heat == 1.0
    assert found["x"].gradient == ""


def test_a_layer_says_its_kernel_its_settings_and_its_activation():
    h = "x -> conv(4, 3, stride=2, padding=[1, 0], activation=relu) -> max_pool2d(2) -> flatten(1)"
    nodes = f"  h: {h}\n  z: h -> dense(2, tanh)\n  J: sum(z)"
    assert told(layers(written(inputs="{x: {shape: [batch, 1, 8, 9]}}", nodes=nodes))) == {
        "x": "x", "h (conv)": "conv | 3 × 3, 1 → 4 | stride 2, padding 1 × 0, relu | 40", "h#2": "max_pool2d | 2 × 2",
        "h": "flatten | start_dim=1, end_dim=3", "z": "dense | 16 → 2, tanh | 34", "J": "J | sum(z)",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "options", "widest"),
    [
        ("models/lenet", {}, 880.0),
        ("models/character_gpt", {"depth": 2}, 880.0),
        ("models/unet", {"direction": "TB"}, 880.0),
        ("models/unet", {"depth": 2}, 1100.0),  # a panel is not broken
        ("models/resnet_block", {"depth": 2}, 1100.0),
    ],
)
def test_models_in_rows(name, options, widest):
    placed = apart(layers(shipped(name), **options), widest)
    for label in placed.labels:
        size = rows_size(label.rows)
        for line in placed.lines:
            if line.ends[1] and not line.bare:
                (ax, ay), (bx, by) = line.points[-2:]
                part = min(8.0 / math.hypot(ax - bx, ay - by), 1.0)
                tip = (bx + (ax - bx) * part, by + (ay - by) * part)
                assert rect_around(label.at, size).cuts(tip, (bx, by)) is None, label


def test_the_last_row_of_a_panel_is_no_single_sign():
    view = layers(shipped("models/character_gpt"), depth=2)
    placed = apart(view)
    inside = {box.id: placed.boxes[box.id] for box in view.boxes if box.panel}
    lowest = min(y for _, y in inside.values())
    assert sum(abs(y - lowest) < 20 for _, y in inside.values()) > 3


def test_a_gradient_in_a_formula_is_one_box():
    view = layers(shipped("models/physics_informed"))
    found = told(view)
    assert [found[name] for name in ("u_t", "u_x", "u_xx")] == ["u_t | grad(u, t)", "u_x | grad(u, x)", "u_xx | grad(u_x, x)"]
    assert len(view.boxes) == 13
    apart(view, 1150.0)


def test_a_gradient_of_a_formula_is_written_as_it_is_in_the_spec():
    found = told(layers(shipped("second_order/newton")))
    assert [found[name] for name in ("g", "h0")] == ["g | grad(f, p)", "h₀ | grad(sum(g * [1, 0]), p)"]


def test_what_comes_out_of_an_opened_layer_is_named_on_the_arrow():
    view = layers(shipped("models/siamese"), depth=2)
    assert [box.id for box in view.boxes if not box.panel] == ["left", "right", "same", "apart", "J"]
    found = arrows(view)
    assert (found["a.1", "apart"], found["b.1", "apart"]) == ("a | [batch, 2]", "b | [batch, 2]")
    apart(view, 1200.0)


def test_a_step_without_a_name_is_called_what_stands_on_its_box():
    assert told(layers(shipped("models/word2vec")))["J"] == "J | −mean(log_sigmoid(fits) + sum(log_sigmoid(…), axis=1))"
    found = told(layers(shipped("second_order/gradient_penalty")))
    assert found["J"] == "J | mean(critic(…)) − mean(critic(…)) + 10 · penalty"


def test_a_name_is_not_cut_in_its_box():
    view = layers(shipped("models/unet"))
    texts = [piece.text for row in box_rows(next(box for box in view.boxes if box.id == "J")) for piece in row]
    assert texts == ["J", "mean(binary_cross_entropy_with_logits)"]


def test_a_line_from_the_row_above_stays_near_what_it_leads_to():
    view = layers(shipped("models/vae"))
    placed = apart(view, 900.0)
    row = [i for i in placed.boxes if abs(placed.boxes[i][1] - placed.boxes["J"][1]) < 60.0]
    assert {"logits", "reconstruction", "J"} <= set(row)
    lowest = min(y for line in placed.lines for _, y in line.points)
    assert placed.boxes["logits"][1] - lowest < 60.0
