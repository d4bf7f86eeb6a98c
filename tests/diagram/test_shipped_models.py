"""The pictures of the models that ship: no box, text and line over another, and no name that is not meant for a reader."""

from pathlib import Path

import pytest
from diagram_cases import apart

import graphrun as gr
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
