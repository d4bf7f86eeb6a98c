"""Views in columns: nothing overlaps, with and without panels, from left to right and downwards."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from diagram_cases import apart, to_dot

from graphrun.diagram.layered import Flow, lay
from graphrun.diagram.place import place
from graphrun.diagram.shapes import Size, box_sizes
from graphrun.diagram.view import Arrow, Box, Panel, View


def some_view(seed: int, panels: bool = False, **options) -> View:
    """A random graph with long and labelled arrows."""
    draw = random.Random(seed)
    n = draw.randint(2, 16)
    names = [f"v{k}" for k in range(n)]
    cut = sorted(draw.sample(range(n + 1), 4)) if panels and n > 3 else [0, 0, 0, 0]
    inner = draw.randint(cut[0], cut[1])
    boxes = []
    for k, name in enumerate(names):
        outline = draw.choice(["box", "box", "circle", "square", "small circle"])
        panel = ("q" if k >= inner else "p") if cut[0] <= k < cut[1] else "r" if cut[2] <= k < cut[3] else ""
        formula = "x" * draw.randint(0, 24) if outline == "box" else ""
        boxes.append(Box(name, "step", name, formula, outline=outline, stacked=outline == "box" and draw.random() < 0.2, panel=panel))
    arrows = []
    for k in range(1, n):
        for j in {draw.randrange(k) for _ in range(draw.randint(1, 3))}:
            label = ((("muted", "[batch, 64]"),),) if draw.random() < 0.3 else ()
            arrows.append(Arrow(names[j], names[k], label))
    shown = (
        Panel("p", (("ink", "p"), ("count", "1,024"))),
        Panel("q", (("ink", "inner"),), parent="p"),
        Panel("r", (("ink", "another one"),)),
    )
    return View("v", tuple(boxes), tuple(arrows), panels=shown if panels else (), **options)


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("panels", [False, True])
def test_nothing_overlaps(direction, panels):
    for seed in range(25):
        view = some_view(seed, panels, direction=direction)
        placed = apart(view, widest=1e9)
        held = {box.panel for box in view.boxes} | ({"p"} if any(box.panel == "q" for box in view.boxes) else set())
        assert len(placed.frames) == len(held - {""})


def test_a_panel_holds_its_boxes_and_no_others():
    for seed in range(25):
        view = some_view(seed, panels=True)
        placed = place(view)
        assert placed is not None
        sizes = box_sizes(view)
        held = {box.panel for box in view.boxes} | ({"p"} if any(box.panel == "q" for box in view.boxes) else set())
        order = sorted((p for p in view.panels if p.id in held), key=lambda p: bool(p.parent))
        for panel, frame in zip(order, placed.frames, strict=True):
            within = {panel.id, *(p.id for p in view.panels if p.parent == panel.id)}
            for box in view.boxes:
                x, y = placed.boxes[box.id]
                half, tall = sizes[box.id].width / 2, sizes[box.id].height / 2
                inside = abs(x - frame.at[0]) + half <= frame.size.width / 2 and abs(y - frame.at[1]) + tall <= frame.size.height / 2
                outside = abs(x - frame.at[0]) >= frame.size.width / 2 + half or abs(y - frame.at[1]) >= frame.size.height / 2 + tall
                assert inside if box.panel in within else outside, (seed, panel.id, box.id)


def test_a_panel_that_is_left_and_entered_again_is_left_to_graphviz():
    boxes = (Box("a", "step", "a", panel="p"), Box("b", "step", "b"), Box("c", "step", "c", panel="p"))
    view = View("v", boxes, (Arrow("a", "b"), Arrow("b", "c")), panels=(Panel("p", (("ink", "p"),)),))
    assert place(view) is None
    assert 'subgraph "cluster_0"' in to_dot(view)


def test_what_flows_back_out_of_a_panel():
    boxes = (Box("w", "parameter", "w"), Box("a", "step", "a", panel="p"), Box("J", "loss", "J", panel="p"), Box("s", "optimizer", "sgd"))
    arrows = (Arrow("w", "a"), Arrow("a", "J"), Arrow("J", "a", kind="back"), Arrow("a", "w", kind="back"), Arrow("s", "w", kind="update"))
    placed = apart(View("v", boxes, arrows, panels=(Panel("p", (("ink", "forward"),)),)))
    assert [line.kind for line in placed.lines].count("back") == 2
    (left,) = (line for line in placed.lines if line.kind == "back" and abs(line.points[-1][0] - placed.boxes["w"][0]) < 60)
    assert left.points[0][0] > left.points[-1][0]


def test_what_a_panel_opens_lies_above_it():
    boxes = (Box("x", "input", "x"), Box("b", "step", "block", stacked=True), Box("y", "step", "y"), Box("i", "step", "inner", panel="p"))
    view = View("v", boxes, (Arrow("x", "b"), Arrow("b", "y")), panels=(Panel("p", (("ink", "block"),), opens="b"),))
    placed = apart(view)
    (frame,), (wedge,) = placed.frames, placed.wedges
    assert frame.at[1] + frame.size.height / 2 < min(placed.boxes[i][1] for i in "xby")
    assert wedge.corners[0][1] > wedge.corners[2][1] == pytest.approx(frame.at[1] + frame.size.height / 2)


def test_a_long_picture_goes_on_below():
    names = [f"layer_{k}" for k in range(30)]
    boxes = tuple(Box(n, "step", n, "dense(64)") for n in names)
    placed = apart(View("v", boxes, tuple(Arrow(a, b) for a, b in pairwise(names))), widest=900.0)
    assert len({round(y) for _, y in placed.boxes.values()}) >= 4


def test_the_way_through_is_straight():
    names = ["x", "a", "b", "c", "J"]
    boxes = tuple(Box(n, "step", n) for n in [*names, "w", "v", "long"])
    arrows = [*(Arrow(a, b) for a, b in pairwise(names)), Arrow("w", "b"), Arrow("v", "c"), Arrow("a", "J"), Arrow("long", "c")]
    placed = apart(View("v", boxes, tuple(arrows)))
    assert [placed.boxes[i][1] for i in names] == pytest.approx([placed.boxes["x"][1]] * 5, abs=0.5)


def test_items_are_laid_in_time():
    """A layout is linear in its lines: a thousand items take a moment."""
    draw = random.Random(1)
    sizes = {f"v{k}": Size(60.0, 30.0) for k in range(1000)}
    flows = [Flow(f"v{draw.randrange(max(0, k - 12), k)}", f"v{k}") for k in range(1, 1000)]
    laid = lay(sizes, flows)
    assert all(laid.rank[f.tail] < laid.rank[f.head] for f in flows)


def test_a_circle_can_be_laid():
    boxes = tuple(Box(n, "step", n) for n in "abc")
    placed = place(replace(some_view(0), boxes=boxes, arrows=(Arrow("a", "b"), Arrow("b", "c"), Arrow("c", "a"), Arrow("b", "b"))))
    assert placed is not None
    assert len(placed.boxes) == 3
