"""Pictures of characters: golden, within the columns of the terminal, and every line where it belongs."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from diagram_cases import GOLDEN, functions_of, golden, neurons_of, shipped, view_of, written
from test_mermaid import everything

from graphrun.diagram.characters import cells
from graphrun.diagram.text_picture import to_text
from graphrun.diagram.view import Arrow, Box, View

PICTURES = {
    "ann": lambda: to_text(neurons_of(shipped("ann"), numbers=False)),
    "ann_numbers": lambda: to_text(neurons_of(shipped("ann"))),
    "ann_forward_w5": lambda: to_text(neurons_of(shipped("ann"), to="hat_y", highlight="forward:w5")),
    "ann_ascii": lambda: to_text(neurons_of(shipped("ann")), ascii=True),
    "functions": lambda: to_text(functions_of(shipped("functions"), numbers=False)),
    "neuron_steps": lambda: to_text(view_of(shipped("neuron"))),
    "iris_steps": lambda: to_text(view_of(shipped("iris"))),
    "iris_neurons": lambda: to_text(neurons_of(shipped("iris"))),
}


@pytest.mark.parametrize("name", PICTURES)
def test_golden(name):
    text = PICTURES[name]()
    golden(GOLDEN / f"{name}.txt", text)
    assert max(map(cells, text.splitlines())) <= 80


def test_ascii_is_ascii():
    assert PICTURES["ann_ascii"]().isascii()


def followed(text: str) -> set[tuple[str, str, str]]:
    """The arrows of a picture, found by walking its lines from each box: (box, label, box)."""
    rows = text.splitlines()
    wide = max(map(len, rows))
    grid = [row.ljust(wide) for row in rows]
    ways = {"─": "LR", "│": "UD", "┌": "RD", "┐": "LD", "└": "RU", "┘": "LU", "├": "RUD", "┤": "LUD", "┬": "LRD", "┴": "LRU", "┼": "LRUD"}
    steps = {"L": (0, -1), "R": (0, 1), "U": (-1, 0), "D": (1, 0)}
    opposite = {"L": "R", "R": "L", "U": "D", "D": "U"}

    def name(y: int, x: int) -> str:
        """The name in the box whose border holds the place."""
        while grid[y][x] not in "┌╔┐╗":
            y -= 1
        row = grid[y + 1]
        sides = [k for k, c in enumerate(row) if c in "│├"]
        start, end = (x, min(k for k in sides if k > x)) if grid[y][x] in "┌╔" else (max(k for k in sides if k < x), x)
        inner = [grid[k][start + 1 : end].strip() for k in range(y + 1, y + 6) if k < len(grid)]
        return next(filter(None, inner))

    out = set()
    for y, row in enumerate(grid):
        for x, c in enumerate(row):
            if c != "├" or ("┌" not in "".join(grid[k][x - 3] for k in range(max(y - 4, 0), y)) + "".join(row[:x]) and False):
                continue
            if x + 1 < wide and row[x + 1] == "─" and re.search(r"│[^│─┌┐└┘┬┴┼]*$", row[:x]) and is_side(grid, y, x):
                seen, stack = set(), [(y, x + 1, "R")]
                while stack:
                    a, b, way = stack.pop()
                    if (a, b, way) in seen:
                        continue
                    seen.add((a, b, way))
                    sign = grid[a][b]
                    if sign == "▶":
                        label = re.search(r"─([^─┼├┤┴┬┌┐└┘│]+)─*$", grid[a][:b])
                        out.add((name(y, x), label[1] if label else "", name(a, b + 1)))
                        continue
                    if sign not in ways:
                        stack.append((a, b + steps[way][1], way))  # within a label
                        continue
                    if sign == "┼":
                        stack.append((a + steps[way][0], b + steps[way][1], way))
                        continue
                    for w in ways[sign]:
                        if w != opposite[way]:
                            stack.append((a + steps[w][0], b + steps[w][1], w))
    return out


def is_side(grid: list[str], y: int, x: int) -> bool:
    """Whether a place is on the right side of a box."""
    up = y
    while up and grid[up][x] in "│├":
        up -= 1
    return grid[up][x] == "┐"


def test_the_lines_of_the_net_lead_where_they_should():
    assert followed(PICTURES["ann"]().split("\n\n")[0]) == {
        ("x₁", "w₁", "u₁"),
        ("x₂", "w₂", "u₁"),
        ("x₁", "w₃", "u₂"),
        ("x₂", "w₄", "u₂"),
        ("u₁", "w₅", "u₃"),
        ("u₂", "w₆", "u₃"),
        ("u₃", "", "ŷ"),
        ("ŷ", "", "L"),
        ("y", "", "L"),
    }


def test_a_wide_graph_is_a_list():
    names = [f"a{k}" for k in range(30)]
    boxes = tuple(Box(n, "step", n, formula=f"tanh({n})", value="1") for n in names)
    text = to_text(View("v", boxes, tuple(Arrow(a, b) for a, b in pairwise(names))))
    lines = text.splitlines()
    assert len(lines) == 30
    assert lines[1].split() == ["a1", "tanh(a1)", "←", "a0", "1"]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("ascii", [False, True])
def test_hostile_texts(ascii):
    text = to_text(everything(), ascii=ascii)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\ud800]", text)
    assert max(map(cells, text.splitlines())) <= 80
    if ascii:
        assert text.isascii()


def test_a_circle_of_arrows_is_a_list():
    boxes = tuple(Box(n, "step", n) for n in "abc")
    assert "┌" not in to_text(View("v", boxes, (Arrow("a", "b"), Arrow("b", "c"), Arrow("c", "a"))))


def test_wide_characters_take_two_cells():
    text = to_text(View("v", (Box("a", "input", "日本"), Box("b", "step", "x")), (Arrow("a", "b"),)))
    rows = text.splitlines()
    assert cells(rows[0]) == cells(rows[1]) == cells(rows[2])


def test_many_nets():
    for shape in ((3, 2), (2, 3), (3, 3, 1)):
        nodes, before, k, weights = "", [f"x{i}" for i in range(shape[0])], 0, []
        for n, units in enumerate(shape[1:]):
            layer = [f"{'hgk'[n]}{i}" for i in range(units)]
            for name in layer:
                terms = []
                for source in before:
                    weights.append(f"w{k}")
                    terms.append(f"w{k} * {source}")
                    k += 1
                nodes += f"  {name}: {' + '.join(terms)}\n"
            before = layer
        inputs = "{" + ", ".join(f"x{i}: {i}" for i in range(shape[0])) + "}"
        params = "{" + ", ".join(f"{w}: 1" for w in weights) + "}"
        view = neurons_of(written(inputs=inputs, params=params, nodes=f"{nodes}  J: {' + '.join(before)}"), numbers=False)
        text = to_text(view)
        if "┌" in text:
            names = {b.id: b.name for b in view.boxes}
            expected = {(names[a.tail], a.rows[0][0][1] if a.rows else "", names[a.head]) for a in view.arrows}
            assert followed(text) == expected, text
