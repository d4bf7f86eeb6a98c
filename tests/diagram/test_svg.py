"""What a picture shows of a view: forms, marks, the pass, links; and that no text breaks out of it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from diagram_cases import HOSTILE, neurons_of, shipped, to_dot
from test_mermaid import everything

from graphrun.diagram import dot as writing
from graphrun.diagram.draw import draw
from graphrun.diagram.look import box_look, line_look
from graphrun.diagram.palette import HEATS, LIGHT, heat_role
from graphrun.diagram.view import Arrow, Box, Panel, View

SVG = "{http://www.w3.org/2000/svg}"
TAGS = {f"{SVG}{tag}" for tag in ("svg", "style", "g", "title", "polygon", "path", "text", "ellipse", "polyline", "a")}


def tree(view: View) -> ElementTree.Element:
    return ElementTree.fromstring(draw(to_dot(view), "svg"))


@pytest.mark.parametrize("free", [False, True], ids=["placed", "by Graphviz"])
def test_hostile_texts_stay_texts_in_every_form(free, monkeypatch):
    if free:
        monkeypatch.setattr(writing, "place", lambda view: None)
    root = tree(everything())
    assert {element.tag for element in root.iter()} <= TAGS
    for element in root.iter():
        assert not any(name.startswith("on") for name in element.attrib)
    written = " ".join("".join(t.itertext()) for t in root.iter(f"{SVG}text"))
    for text in ("ends in a backslash \\", "{record|<port>", "日本語 ∂ 🙂", "subgraph one"):
        assert text in written
    links = [a.get("href") for a in root.iter(f"{SVG}a")]
    assert len(links) <= len(HOSTILE)
    assert all(href and not href.lower().startswith(("javascript:", "data:")) for href in links)


@pytest.mark.parametrize(
    ("href", "kept"),
    [
        ("https://example.org/a.yaml?x=1&y=2#L4", "https://example.org/a.yaml?x=1&y=2#L4"),
        ("specs/ann.yaml#L18", "specs/ann.yaml#L18"),
        ("../a b.yaml", "../a%20b.yaml"),
        ("javascript:alert(1)", None),
        (" JavaScript:alert(1)", None),
        ("java\nscript:alert(1)", None),
        ("data:text/html,<script>", None),
        ('https://x/"><script>', "https://x/%22%3E%3Cscript%3E"),
        ("", None),
    ],
)
def test_links_lead_to_pages_alone(href, kept):
    root = tree(View("v", (Box("a", "step", "a", href=href),), ()))
    assert [a.get("href") for a in root.iter(f"{SVG}a")] == ([kept] if kept else [])


def test_a_picture_without_links_has_none():
    assert not list(tree(neurons_of(shipped("ann"))).iter(f"{SVG}a"))


def test_the_pass_is_pink_with_a_thick_line_and_read_in_ink():
    root = tree(neurons_of(shipped("ann"), to="hat_y", highlight="forward:w5"))
    lit = [g for g in root.iter(f"{SVG}g") if any(e.get("fill") == "#ff99ff" for e in g.findall(f"{SVG}ellipse"))]
    assert len(lit) == 3
    for group in lit:
        (ellipse,) = group.findall(f"{SVG}ellipse")
        assert (ellipse.get("stroke"), ellipse.get("stroke-width"), ellipse.get("class")) == ("#333333", "4", "f-lit s-lit-line")
        assert {t.get("fill") for t in group.iter(f"{SVG}text")} == {LIGHT["ink"]}
    thick = [p for p in root.iter(f"{SVG}path") if p.get("stroke") == "#333333" and p.get("stroke-width") == "4"]
    assert len(thick) == 3  # w5's arrow is interrupted by its label


def test_marks_are_seen_without_colours():
    marks = ("", "+", "-", "~", "follows")
    looks = {mark: box_look(Box("a", "step", "a", mark=mark)) for mark in marks}
    assert len({(look.style, look.width, look.fill) for look in looks.values()}) == 5
    assert [looks[mark].style for mark in marks] == ["solid", "solid", "dashed", "solid", "dotted"]
    words = {"follows": "~ renamed"}
    root = tree(View("v", tuple(Box(f"b{k}", "step", "name", mark=m, mark_text=words.get(m, "")) for k, m in enumerate(marks)), ()))
    written = ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]
    for word in ("+ added", "− removed", "~ changed", "~ renamed"):
        assert word in written


def test_kinds_of_lines_differ_without_colours():
    assert [line_look(kind).style for kind in ("forward", "back", "update")] == ["solid", "dashed", "dotted"]


def test_heat_has_shades_and_wider_lines():
    looks = [box_look(Box("a", "step", "a", heat=h)) for h in (0.0, 0.3, 0.6, 1.0)]
    assert [look.fill for look in looks] == [f"heat{k}" for k in range(1, HEATS + 1)]
    assert [look.width for look in looks] == sorted({look.width for look in looks})
    assert [heat_role(h) for h in (-1.0, 0.0, 0.24, 0.26, 0.99, 1.0, 7.0)] == [1, 1, 1, 2, 4, 4, 4]


def test_a_stacked_box_is_a_stack_of_sheets():
    root = tree(View("v", (Box("a", "step", "block", "× 4", stacked=True), Box("b", "step", "b")), (Arrow("a", "b"),)))
    assert len([p for p in root.iter(f"{SVG}path") if p.get("fill") == LIGHT["sheet"]]) == 3


def test_a_panel_has_a_frame_and_a_title():
    view = View(
        "v",
        (Box("a", "step", "a"), Box("i", "step", "inner", panel="p")),
        (),
        panels=(Panel("p", (("ink", "block"), ("muted", "one of four"), ("count", "49,984"))),),
    )
    root = tree(view)
    assert [p.get("class") for p in root.iter(f"{SVG}path") if p.get("fill") == LIGHT["panel"]] == ["f-panel s-panel-line"]
    written = ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]
    assert {"block", "one of four", "49,984"} <= set(written)


def test_rows_below_have_coloured_pieces():
    view = View("v", (Box("a", "step", "a"),), (), rows=((("value", "forward"), ("ink", "a = 2 · 3 ="), ("value", "6")),))
    found = {"".join(t.itertext()): t.get("class") for t in tree(view).iter(f"{SVG}text")}
    assert found["forward"] == found["6"] == "f-value"
    assert found["a = 2 · 3 ="] == "f-ink"


def test_a_long_caption_is_broken_between_words():
    view = View("v", (Box("a", "step", "a"),), (), caption="backward pass   " + "∂L/∂u · ∂u/∂w + " * 40)
    root = tree(view)
    assert float(root.get("width", "").removesuffix("pt")) < 800
    assert len(list(root.iter(f"{SVG}text"))) > 5


def test_text_is_at_least_eleven_points():
    for view in (everything(), neurons_of(shipped("ann"))):
        assert min(float(t.get("font-size", "14")) for t in tree(view).iter(f"{SVG}text")) >= 11.0
