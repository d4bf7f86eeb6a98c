"""Variables as squares, operations on the arrows."""

from __future__ import annotations

from itertools import pairwise

import pytest
from diagram_cases import apart, functions_of, shipped, written

from graphrun.diagram.geometry import rect_around
from graphrun.diagram.shapes import rows_size


def test_a_chain_of_functions():
    view = functions_of(shipped("functions"), numbers=False)
    assert [(b.id, b.name, b.plain, b.outline) for b in view.boxes] == [
        ("x1,x2", "x₁, x₂", "x1,x2", "square"),
        ("u", "u", "u", "square"),
        ("z", "z", "z", "square"),
        ("y", "y", "y", "square"),
    ]
    assert [(a.tail, a.head, a.rows) for a in view.arrows] == [
        ("x1,x2", "u", ((("ink", "f"),), (("muted", "x₁ · x₂ · w₀"),))),
        ("u", "z", ((("ink", "g"),), (("muted", "w₁ · u + w₂"),))),
        ("z", "y", ((("ink", "h"),), (("muted", "5 · z"),))),
    ]
    placed = apart(view)
    assert {y for _, y in placed.boxes.values()} == {0.0}
    above = [label.at[1] for label in placed.labels]
    assert min(above) > 10.0


def test_numbers_stand_in_the_squares():
    view = functions_of(shipped("functions"))
    found = {b.id: (b.value, b.gradient) for b in view.boxes}
    assert found == {"x1,x2": ("2, 3", ""), "u": ("3", "20"), "z": ("13", "5"), "y": ("65", "1")}


def test_what_several_values_lead_to_is_reached_from_one_point():
    view = functions_of(shipped("ann"))
    assert [(a.tail, a.head) for a in view.arrows if "u3" in (a.head, a.tail.removesuffix(" point"), a.head.removesuffix(" point"))] == [
        ("u1", "u3 point"),
        ("u2", "u3 point"),
        ("u3 point", "u3"),
        ("u3", "hat_y"),
    ]
    apart(view, widest=1000.0)


def test_a_pass_runs_through_the_point():
    view = functions_of(shipped("ann"), highlight="forward:w5")
    assert [b.id for b in view.boxes if b.lit] == ["u1", "u3 point", "u3", "hat_y"]
    assert [(a.tail, a.head) for a in view.arrows if a.lit] == [("u1", "u3 point"), ("u3 point", "u3"), ("u3", "hat_y")]


def test_a_long_line_goes_on_below():
    names = [f"a{k}" for k in range(12)]
    nodes = "  a0: sin(x)\n" + "".join(f"  {b}: tanh({a} * 3 - 1)\n" for a, b in pairwise(names))
    view = functions_of(written(inputs="{x: 1}", nodes=nodes.rstrip(), loss="a11"))
    placed = apart(view)
    assert len({y for _, y in placed.boxes.values()}) > 1


@pytest.mark.parametrize("name", ["neuron", "xor", "larger", "iris"])
def test_every_shipped_spec_can_be_drawn(name):
    apart(functions_of(shipped(name)), widest=1200.0)


def test_a_picture_whose_labels_would_come_around_stays_in_one_row():
    view = functions_of(shipped("models/mixture_density"))
    placed = apart(view, 2000.0)
    for label in (label for label in placed.labels if label.rows[0][0].text == "dense"):
        size = rows_size(label.rows)
        near = rect_around(label.at, size, 12.0)
        assert any(near.cuts(a, b) for line in placed.lines for a, b in pairwise(line.points)), label
    assert min(b[0] - a[0] for line in placed.lines for a, b in pairwise(line.points)) > -0.01
