"""`share`, `repeat` and `scan` in each other: which parameters are used, and what the steps are called (language.md §4 and §5)."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

import graphrun as gr

ROW = "graphrun: 1\ninputs: {x: {shape: [2], default: [1, 2]}}\n"
SEQUENCE = "graphrun: 1\ninputs: {x: {shape: [3, 2], default: [[1, 2], [3, 4], [5, 6]]}}\n"
CELL = """
functions:
  cell(c, xt):
    params: {w: 0.5}
    nodes: {z: w * c + xt}
    returns: z
"""


def names(model: Any) -> list[str]:
    graph = model.built.graph
    return [n for n in (graph.name(i) for i in range(len(graph))) if not n.startswith("%")]


def refused(text: str) -> str:
    with pytest.raises(gr.SpecError) as error:
        gr.loads(text)
    return str(error.value)


def test_a_scanned_function_may_be_a_shared_layer() -> None:
    nodes = "nodes:\n  first: cell([0, 0], [1, 1])\n  h: scan(x, share(first), 0)\n  g: scan(2 * x, share(h), 0)"
    model = gr.loads(SEQUENCE + CELL + nodes)
    values = model.run()
    assert list(model.params) == ["first.w"]
    assert values["h"].tolist() == [[1, 2], [3.5, 5], [6.75, 8.5]]
    assert values["g"].tolist() == [[2, 4], [7, 10], [13.5, 17]]
    assert values["g.z@2"].tolist() == [13.5, 17]
    assert values["h.z@2"].tolist() == [6.75, 8.5]


def test_no_two_steps_have_one_name_where_a_scanned_function_shares_a_layer() -> None:
    text = """
functions:
  cell(c, xt):
    nodes:
      a: xt -> dense(2)
      b: c -> share(a)
      inner: scan(stack([a, b]), plain, 0)
    returns: inner[1] + sum(scan(stack([a, b]), plain, 0))
  plain(c, xt):
    params: {w: 0.5}
    nodes: {z: w * c + xt}
    returns: z
nodes:
  h: scan(x, cell, [0, 0])
"""
    model = gr.loads(SEQUENCE + text)
    assert list(model.params) == ["h.a.weight", "h.a.bias", "h.inner.w", "h.w"]
    counts = Counter(names(model))
    assert [n for n, count in counts.items() if count > 1] == []
    assert {"h.b.z@2", "h.inner.z@2@1", "h.z@2@1"} <= set(counts)


def test_a_repeat_of_a_scan_numbers_its_copies() -> None:
    model = gr.loads(SEQUENCE + CELL + "nodes:\n  h: repeat(x, scan(cell, 0), 2)\n  k: repeat(x, scan(cell, 0), 1)\n  q: h.1.w + k.0.w")
    assert list(model.params) == ["h.0.w", "h.1.w", "k.0.w"]
    assert model.run()["h"].tolist() == [[1, 2], [4, 6], [8.75, 11.5]]
    assert model.run()["q"] == 1


def test_what_the_copies_of_a_repeat_hold_is_reached_in_formulas() -> None:
    text = """
nodes:
  h: x -> repeat(dense(2), 2) -> dense(2)
  one: x -> repeat(dense(2), 1)
  deep: x -> repeat(repeat(dense(2), 1), 1)
  w: h.0.1.weight
  z: h.0.1.z
  v: one.0.bias
  u: deep.0.0.bias
"""
    model = gr.loads(ROW + text)
    values = model.run()
    assert [n for n in model.params if n.endswith("bias")] == ["h.0.0.bias", "h.0.1.bias", "h.1.bias", "one.0.bias", "deep.0.0.bias"]
    assert values["w"].tolist() == values["h.0.1.weight"].tolist()
    assert values["z"].tolist() == values["h.0.1.z"].tolist()
    assert values["v"].tolist() == values["one.0.bias"].tolist()
    assert values["u"].tolist() == values["deep.0.0.bias"].tolist()


def test_a_layer_without_inner_nodes_is_shared_and_numbered_as_others_are() -> None:
    text = """
functions:
  scaled(a):
    params: {w: {init: 2}}
    returns: a * w
nodes:
  h: scaled(x)
  g: scaled(h) -> share(h)
  k: x -> share(g)
  q: g.1.w + k.w
"""
    model = gr.loads(ROW + text)
    assert list(model.params) == ["h.w", "g.0.w"]
    values = model.run(params={"h.w": 3.0})
    assert values["k"].tolist() == [3, 6]
    assert values["q"] == 6


def test_the_outermost_layer_is_shared_whatever_is_called_on_it() -> None:
    model = gr.loads(ROW + "nodes:\n  h: x -> dense(3) -> dense(2) -> squared_error(x)\n  g: ones([3]) -> share(h)")
    values = model.run()
    assert values["g"].tolist() == (values["h.1.weight"].sum(axis=0) + values["h.1.bias"]).tolist()


def test_of_two_layers_side_by_side_none_is_the_outermost() -> None:
    assert refused(ROW + "nodes:\n  h: dense(x, 2) + dense(2 * x, 2)\n  g: x -> share(h)") == (
        "<text>:5:17 error wrong-type: `h` calls several layers, and none around the others, so it is not known which one to share\n"
        "    5 |   g: x -> share(h)\n"
        "      |                 ^\n"
        "   help: give the one that is meant a node of its own"
    )


def test_a_named_argument_of_share_is_refused() -> None:
    text = "functions:\n  f(a, b):\n    params: {w: 2}\n    returns: a * w + b\nnodes:\n  h: f(x, 1)\n  g: x -> share(h, b=3)"
    assert "unknown-argument: `share` has no argument `b`" in refused(ROW + text)


def test_an_argument_and_an_own_function_may_be_called_share() -> None:
    assert gr.loads(ROW + "functions:\n  f(x, share): x -> share\nnodes:\n  h: f(x, exp)").run()["h"][0] == pytest.approx(2.718281828459045)
    text = "functions:\n  share(x): 3 * x\nnodes:\n  h: x -> repeat(share, 2) -> share"
    assert gr.loads(ROW + text).run()["h"].tolist() == [27, 54]


def test_an_argument_hides_the_graphs_node_of_its_name() -> None:
    nodes = "nodes:\n  h: x -> dense(2)\n  k: x -> dense(2)\n  g: f(k)"
    for body in ("sum(h.weight)", "x -> share(h)"):
        assert "`h` is not a node, so nothing is inside it" in refused(f"{ROW}functions:\n  f(h): {body}\n{nodes}")
