"""The pictures of the models that ship: no box, text and line over another, and no name that is not meant for a reader."""

import re
from pathlib import Path

import pytest
from diagram_cases import apart

import graphrun as gr
from graphrun.diagram.geometry import rect_around
from graphrun.diagram.place import place
from graphrun.diagram.shapes import rows_size
from graphrun.model.picture import make_view, options_of
from graphrun.ops.registry import OPS

SPECS = Path(__file__).parents[2] / "specs"
MODELS = sorted(path.relative_to(SPECS).as_posix() for path in [*SPECS.glob("models/*.yaml"), *SPECS.glob("second_order/*.yaml")])
INNER = {op.name for op in OPS.values() if op.shown} - {"slice"}


@pytest.mark.parametrize("name", MODELS)
def test_layers_of_a_model(name):
    model = gr.load(SPECS / name)
    view = make_view(model, options_of(model, view="layers"))
    apart(view, widest=2400.0)
    words = [box.name for box in view.boxes] + [box.formula for box in view.boxes]
    assert [word for word in words if any(inner in word.replace("(", " ").split() for inner in INNER)] == []
    assert all(word.count("(") == word.count(")") for word in words if not word.endswith("…"))


@pytest.mark.parametrize("name", ["mixture_of_experts", "resnet_block", "vae"])
def test_neurons_of_a_model(name):
    model = gr.load(SPECS / f"models/{name}.yaml")
    apart(make_view(model, options_of(model, view="neurons")), widest=2000.0)


def test_a_label_on_a_line_that_has_no_room_is_left_to_the_tooltip():
    """An unrolled solver: its boxes are too near to each other for the factors on some arrows."""
    model = gr.load(SPECS / "models/neural_ode.yaml")
    apart(make_view(model, options_of(model, view="neurons")), widest=20_000.0)


def test_training_of_a_parameter_with_a_long_update():
    model = gr.load(SPECS / "second_order/newton.yaml")
    view = make_view(model, options_of(model, view="training"))
    placed = place(view)
    assert placed is not None
    at, size = placed.boxes["p"], placed.sizes["p"]
    box, (note,) = rect_around(at, size), [label for label in placed.labels if "sgd" in label.rows[0][0].text]
    ends = [p for line in placed.lines for p in (line.points[0], line.points[-1]) if p[0] < at[0] + size.width / 2 + 1.0]
    assert len(ends) == 3
    assert all(abs(x - box.x - box.half) < 0.1 and abs(y - box.y) < box.tall for x, y in ends)
    assert not rect_around(note.at, rows_size(note.rows), -1.0).meets(box)


@pytest.mark.parametrize("name", MODELS)
def test_no_internal_name_in_layers(name):
    model = gr.load(SPECS / name)
    for depth in (1, 2):
        view = make_view(model, options_of(model, view="layers", depth=depth))
        rows = [row for box in view.boxes for row in box.rows] + [row for arrow in view.arrows for row in arrow.rows]
        texts = [text for box in view.boxes for text in (box.name, box.formula)] + [text for row in rows for _, text in row]
        assert [text for text in texts if re.search(r"#\d", text)] == []
