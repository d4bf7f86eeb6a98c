"""Whatever text a spec's names and formulas hold, every format stays what it is."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from diagram_cases import to_dot
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mermaid import LINE, everything
from test_svg import TAGS
from test_tikz import COMMANDS

from graphrun.diagram.characters import cells
from graphrun.diagram.draw import draw
from graphrun.diagram.mermaid import to_mermaid
from graphrun.diagram.text_picture import to_text
from graphrun.diagram.tikz import to_tikz
from graphrun.diagram.view import View

SIGNS = st.text(st.sampled_from("\\\"'`<>&{}[]()|;:#$%^~_*-=/\n\t\x00\u2028\u202e\ud800 endxo1∂ŷ₁²日🙂"), max_size=24)
TEXTS = st.lists(st.one_of(SIGNS, st.text(max_size=24)), min_size=2, max_size=6, unique=True)


def view_with(texts: list[str]) -> View:
    return everything([*texts, "last"])


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_mermaid(texts):
    for numbers in (False, True):
        first, *lines = to_mermaid(view_with(texts), numbers=numbers).split("\n")[:-1]
        assert first == "graph LR"
        for line in lines:
            assert LINE.fullmatch(line), line


@settings(max_examples=40, deadline=None)
@given(TEXTS)
def test_tikz(texts):
    text = to_tikz(view_with(texts))
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= COMMANDS
    assert re.sub(r"[À-ž]", "", text).isascii()
    depth = 0
    for c in re.sub(r"\\[{}$&#%_]", "", text):
        depth += (c == "{") - (c == "}")
        assert depth >= 0
    assert depth == 0


@settings(max_examples=40, deadline=None)
@given(TEXTS, st.booleans())
def test_text(texts, ascii):
    text = to_text(view_with(texts), ascii=ascii)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]", text)
    assert max(map(cells, text.split("\n"))) <= 80
    assert text.isascii() or not ascii


@pytest.mark.parametrize("direction", ["LR", "TB"])
@settings(max_examples=8, deadline=None)
@given(texts=TEXTS)
def test_dot_and_svg(direction, texts):
    view = view_with(texts)
    dot = to_dot(View(view.title, view.boxes, view.arrows, view.backs, view.caption, view.legend, direction, view.panels, view.rows))
    root = ElementTree.fromstring(draw(dot, "svg"))
    assert {element.tag for element in root.iter()} <= TAGS
