"""Where things stand in a chain."""

from __future__ import annotations

import pytest
from diagram_cases import apart, shipped, view_of, written

from graphrun.diagram.place import place
from graphrun.diagram.shapes import WIDEST, box_sizes
from graphrun.diagram.text import clipped, in_lines, pretty, text_width
from graphrun.diagram.view import Arrow, Box, View

CHAINS = ("neuron", "functions", "larger", "xor")


@pytest.mark.parametrize("name", CHAINS)
def test_nothing_overlaps(name):
    view = view_of(shipped(name))
    placed = apart(view)
    sizes = box_sizes(view)
    assert max(x + sizes[i].width / 2 for i, (x, _) in placed.boxes.items()) <= WIDEST
    assert min(x - sizes[i].width / 2 for i, (x, _) in placed.boxes.items()) >= -30


def test_the_neuron_stands_on_one_line_with_what_it_takes_above():
    placed = place(view_of(shipped("neuron")))
    assert placed is not None
    at = placed.boxes
    assert [at[i][1] for i in ("w", "c", "a", "d", "J")] == [0.0] * 5
    assert [at[i] for i in ("x", "b", "y")] == [(at[i][0], 115.0) for i in ("c", "a", "d")]
    assert [at[b][0] - at[a][0] for a, b in ("wc", "ca", "ad", "dJ")] == pytest.approx([135, 150, 150, 150])


def test_a_long_chain_goes_on_in_the_next_row():
    placed = place(view_of(shipped("larger")))
    assert placed is not None
    assert len({placed.boxes[i][1] for i in ("a1", "a2", "J")}) == 2


def test_a_net_of_steps_stands_in_columns():
    placed = apart(view_of(shipped("ann")), widest=950.0)
    at = {i: x for i, (x, _) in placed.boxes.items()}
    assert at["u1"] == at["u2"] == at["w5"] == at["w6"]
    assert at["x1"] < at["u1"] < at["u3"] < at["hat_y"] < at["L"]


def test_a_value_used_twice_is_no_chain():
    placed = apart(view_of(written(inputs="{x: 2}", params="{w: 3}", nodes="  a: tanh(w * x)\n  J: exp(a * x)")))
    assert placed.boxes["a"][0] < placed.boxes["J#1"][0] < placed.boxes["J"][0]


def test_a_graph_of_many_boxes_is_left_to_graphviz():
    boxes = tuple(Box(f"n{k}", "step", f"n{k}") for k in range(200))
    arrows = tuple(Arrow(f"n{k // 2}", f"n{k}") for k in range(1, 200))
    assert place(View("wide", boxes, arrows)) is None


def test_the_width_of_text_is_that_of_the_font():
    assert text_width("n", 2048) == 1298  # DejaVu Sans has 2048 units to the em, and its n is 1298 wide
    assert text_width("½ · d²", 10) == pytest.approx(10 * sum((1985, 651, 651, 651, 1300, 821)) / 2048)
    assert text_width("ŷ", 11) == text_width("y", 11)


def test_formulas_are_broken_and_cut():
    text = pretty("w1 * (x1 - 2) - w2 * x2")
    assert in_lines(text, 11, 500, 500) == (text,)
    assert in_lines(text, 11, 60, 500) == ("w₁ * (x₁ − 2)", "− w₂ * x₂")
    assert in_lines("mean(reconstruction + divergence)", 11, 80, 150) == ("mean(reconstruction", "+ divergence)")
    assert in_lines("x" * 80, 11, 60, 100)[0].endswith("…")
    assert text_width(clipped("x" * 80, 11, 100), 11) <= 100


@pytest.mark.parametrize(
    ("plain", "drawn"),
    [
        ("w1 · x12 - b", "w₁ · x₁₂ − b"),
        ("layer_norm2", "layer_norm2"),
        ("log2(x) + log1p(y)", "log2(x) + log1p(y)"),
        ("a1#2 · 1e5", "a₁#2 · 1e5"),
        ("h.w1 + w1.x", "h.w1 + w1.x"),
        ("½ · (hat_y - y)²", "½ · (ŷ − y)²"),
        ("hat_total", "hat_total"),
        ("einsum(x1, 'i1->j')", "einsum(x₁, 'i1->j')"),
    ],
)
def test_spelling(plain, drawn):
    assert pretty(plain) == drawn
