"""One layer with matrices and with scalar weights: both computed, and equal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from diagram_cases import SPECS, apart, shipped, written

import graphrun as gr
from graphrun.diagram.zoom_view import zoom_view
from graphrun.model.picture import make_view, options_of
from graphrun.model.zoom import zoom_of


def test_matrices_and_scalars_agree():
    model = gr.load(SPECS / "gallery" / "zoom.yaml")
    zoom = zoom_of(model, "u")
    assert zoom.matrices.weight == [[4.0, -6.0], [8.0, -12.0]]
    assert zoom.scalars.weight == [[4.0, -6.0], [8.0, -12.0]]
    assert (zoom.scalars.bias, zoom.scalars.value) == ([4.0, -6.0], [5.0, 1.0])
    assert (zoom.difference, zoom.agrees) == (0.0, True)


@pytest.mark.parametrize(("layer", "units"), [("h", 3), ("logits", 3)])
def test_a_layer_of_a_batch_is_opened_for_one_row(layer, units):
    model = gr.load(SPECS / "iris.yaml", set={"hidden": 3})
    zoom = zoom_of(model, layer, 2)
    row = model.grad(row=2)
    assert np.allclose(zoom.matrices.weight, row[f"{layer}.weight"], rtol=1e-12)
    assert np.allclose(zoom.scalars.weight, row[f"{layer}.weight"], rtol=1e-12, atol=1e-16)
    assert len(zoom.bias) == units
    assert zoom.agrees


def test_the_picture_says_whether_they_agree():
    zoom = zoom_of(gr.load(SPECS / "gallery" / "zoom.yaml"), "u")
    view = zoom_view(zoom)
    assert [text for _, text in view.rows[0]] == [
        "the gradient computed twice: ", "✓ 4 weights and 2 biases equal", "∂L/∂W = [4  −6; 8  −12]", "largest difference 0",
    ]  # fmt: skip
    wrong = replace(zoom, scalars=replace(zoom.scalars, weight=[[4.0, -6.0], [8.5, -12.0]]))
    assert [text for _, text in zoom_view(wrong).rows[0]][1::2] == ["4 weights and 2 biases differ", "largest difference 0.5"]
    apart(view, 1000)


def test_the_command_line_s_way():
    model = gr.load(SPECS / "gallery" / "zoom.yaml")
    view = make_view(model, options_of(model, view="neurons", focus="u", depth=2))
    assert [panel.title[0][1] for panel in view.panels] == ["--depth 1", "--depth 2"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("hh", "there is no layer `hh` with weights"), ("h", "`h` has 4 inputs and 8 units, and at most 6 are opened")],
)
def test_what_cannot_be_opened(name, message):
    with pytest.raises(gr.UsageError, match=message):
        zoom_of(shipped("iris"), name)


def test_several_matrices():
    model = written(inputs="{x: [1, 2]}", nodes="  h: two(x)\n  J: sum(h)", functions="\n  two(x):\n    returns: dense(dense(x, 2), 2)\n")
    with pytest.raises(gr.UsageError, match="`h` has 2 matrices of weights"):
        zoom_of(model, "h")
    assert zoom_of(model, "h.0").agrees
