"""The text that is drawn: golden, and safe whatever it holds."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from diagram_cases import GOLDEN, HOSTILE, functions_of, golden, neurons_of, shipped, view_of

from graphrun.diagram.dot import drawn, to_dot
from graphrun.diagram.draw import draw
from graphrun.diagram.view import Arrow, Back, Box, View


@pytest.mark.parametrize("name", ["neuron", "ann", "functions"])
def test_golden(name):
    golden(GOLDEN / f"{name}.dot", to_dot(view_of(shipped(name))))


def test_golden_neurons():
    golden(GOLDEN / "ann_neurons.dot", to_dot(neurons_of(shipped("ann"))))
    golden(GOLDEN / "ann_forward_w5.dot", to_dot(neurons_of(shipped("ann"), to="hat_y", highlight="forward:w5")))


def test_golden_functions():
    golden(GOLDEN / "functions_row.dot", to_dot(functions_of(shipped("functions"), numbers=False)))


def hostile_view(direction: str) -> View:
    boxes = tuple(
        Box(f"id {text}", ("input", "parameter", "step", "loss")[k % 4], text, text, text, text, text, k % 2 == 0)
        for k, text in enumerate(HOSTILE)
    )
    ids = [box.id for box in boxes]
    arrows = tuple(Arrow(a, b) for a, b in pairwise(ids))
    backs = tuple(Back(a.head, a.tail, t, t) for a, t in zip(arrows, HOSTILE, strict=False))
    return View(HOSTILE[0], boxes, arrows, backs, "".join(HOSTILE), tuple(("ink", text) for text in HOSTILE), direction)


@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_hostile_text_stays_text(direction):
    view = hostile_view(direction)
    dot = to_dot(view)
    root = ElementTree.fromstring(draw(dot, "svg"))
    space = "{http://www.w3.org/2000/svg}"
    assert {element.tag for element in root.iter()} <= {
        f"{space}{tag}" for tag in ("svg", "style", "g", "title", "polygon", "path", "text", "ellipse", "polyline")
    }
    nodes = [g for g in root.iter(f"{space}g") if g.get("class") == "node"]
    titles = [g.findtext(f"{space}title") or "" for g in nodes]
    seen = "\n".join(titles)
    for text in (
        "<b>&amp;</b> <script>alert(1)</script>",
        'quote " and \\" and \\\\',
        "{record|<port> a|{b}}",
        "\\N \\G \\L \\n \\l",
        "&#x3c;i&#x3e;",
    ):
        assert text.replace("\\", "∖") in seen
    written = " ".join("".join(t.itertext()) for t in root.iter(f"{space}text"))
    for text in ("ends in a backslash \\", "]]> --> <!-- >];", "日本語 ∂ 🙂"):
        assert text in written


def test_lines_are_counted_as_they_are_written(monkeypatch):
    monkeypatch.setattr("graphrun.diagram.dot.place", lambda view: None)
    view = hostile_view("TB")
    boxes, arrows = drawn(to_dot(view))
    assert boxes == len(view.boxes)
    assert arrows == len(view.arrows) + len(view.backs)


def test_boxes_of_one_name_stay_apart():
    view = View("v", (Box("a", "input", "a"), Box("b-1", "step", "b"), Box("b 1", "step", "b")), (Arrow("a", "b-1"), Arrow("b-1", "b 1")))
    dot = to_dot(view)
    assert '"%1" -> "%2"' in dot
    assert drawn(dot)[0] >= 3
