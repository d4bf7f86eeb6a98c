"""Functions, scope, arguments, choices, numbers (language.md §4 and §5)."""

from __future__ import annotations

import re
from typing import Any

import pytest

import graphrun as gr


def value(nodes: str, rest: str = "", **feeds: Any) -> Any:
    model = gr.loads(f"graphrun: 1\ninputs: {{x: 3, v: [1, 2, 3], m: [[1, 2], [3, 4]]}}\n{rest}\nnodes:\n  out: {nodes}")
    found = model.run(feeds=feeds)["out"]
    return found.tolist() if getattr(found, "shape", ()) else found


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("x + 1/2", 3.5),
        ("-x^2", -9.0),
        ("2^3^2 * x", 1536.0),
        ("x -> exp -> log", 3.0),
        ("v[0] + v[-1]", 4.0),
        ("v[::2]", [1.0, 3.0]),
        ("m.T", [[1.0, 3.0], [2.0, 4.0]]),
        ("m[:, 1:]", [[2.0], [4.0]]),
        ("m[..., -1]", [2.0, 4.0]),
        ("v[none, 1:]", [[2.0, 3.0]]),
        ("m @ m", [[7.0, 10.0], [15.0, 22.0]]),
        ("where(x > 2, 1, 0)", 1.0),
        ("sum(v * [1, 10, 100])", 321.0),
        ("max(m, axis=0)", [3.0, 4.0]),
        ("x if 2 > 1 else v", 3.0),
        ("x if not false and (none or true) else v", 3.0),
        ("dim(m, 0) * x", 6.0),
        ("size(m) + rank(m) + x", 9.0),
        ("concat([v, shape(m)[0] * v])", [1.0, 2.0, 3.0, 2.0, 4.0, 6.0]),
        ("pi * x / pi", 3.0),
        ("argmax(v) - 1", 1),
        ("argmax(v) / 4", 0.5),
        ("v[argmax(v)]", 3.0),
        ("one_hot(argmax(v), 4)", [0, 0, 1, 0]),
        ("stack([v, v], axis=1)[2]", [3.0, 3.0]),
        ("sum(v > 1)", 2),
        ("mean(v > 1) * 3", 2.0),
        ("sqrt(4) * x", 6.0),
        ("training", False),
        ("reshape(m, [-1])", [1.0, 2.0, 3.0, 4.0]),
        ("gather(m, [1, 1, -2])", [[3.0, 4.0], [3.0, 4.0], [1.0, 2.0]]),
        ("gather(m, 1, axis=1)", [2.0, 4.0]),
        ("take_along(m, [[1], [0]], axis=1)", [[2.0], [3.0]]),
        ("scatter_add(v, [0, 0], [10, 20], axis=0)", [31.0, 2.0, 3.0]),
        ("one_hot([1, 0], 2)", [[0, 1], [1, 0]]),
    ],
)
def test_a_formula_has_this_value(formula: str, expected: Any) -> None:
    quoted = f'"{formula}"' if formula[0] in "[-" or ": " in formula or formula == "training" else formula
    assert value(quoted) == (pytest.approx(expected) if isinstance(expected, float) else expected)


def test_free_names_are_the_graphs_own_never_the_callers() -> None:
    rest = "functions:\n  g(a): a * x\n  f(x): g(x)"
    assert value("f(10)", rest) == 30.0


def test_a_node_defined_later_can_be_used_by_a_function() -> None:
    text = "graphrun: 1\ninputs: {x: 2}\nfunctions:\n  f(a): a * late\nnodes:\n  out: f(3)\n  late: x + 1"
    assert gr.loads(text).run()["out"] == 9.0


def test_defaults_may_use_earlier_arguments() -> None:
    assert value("f(2) + f(2, b=1)", "functions:\n  f(a, b=a * 10): a + b") == 25.0


def test_functions_are_passed_and_called() -> None:
    rest = "functions:\n  twice(x, f): x -> f -> f\n  outer(x, g): twice(x, g)\n  add(x, n): x + n"
    assert value("outer(x, add(5))", rest) == 13.0


def test_a_function_may_be_none() -> None:
    rest = "functions:\n  maybe(x, f=none): f(x) if f else x"
    assert value("maybe(x) + maybe(x, exp)", rest) == pytest.approx(3 + 20.085536923187668)


def test_a_list_of_results_is_indexed() -> None:
    rest = "functions:\n  two(a):\n    returns: [a + 1, a * 2]"
    assert value("two(x)[0] * two(x)[1]", rest) == 24.0


def test_own_functions_take_precedence_with_a_warning_and_the_library_never_sees_them() -> None:
    rest = "functions:\n  logsumexp(z, axis=0): 7 * sum(z)"
    assert value("cross_entropy(v, argmax(v)) + logsumexp(v)", rest) == pytest.approx(42.40760596444438)


def test_a_whole_literal_meets_int64_as_int64() -> None:
    text = "graphrun: 1\ninputs: {label: {shape: [2], dtype: int64, default: [1, 2]}}\nnodes:\n  out: label - 1"
    found = gr.loads(text).run()["out"]
    assert found.dtype == "int64"
    assert found.tolist() == [0, 1]


def test_sizes_must_come_out_whole() -> None:
    text = "graphrun: 1\nconfig: {width: 6, heads: 4}\nparams:\n  w:\n    shape: [width / heads]\n    init: 0\nnodes:\n  J: sum(w)"
    with pytest.raises(gr.SpecError, match="whole number or the name of a dimension; this is 3/2"):
        gr.loads(text)


def test_a_symbolic_dimension_is_a_number_when_the_graph_runs() -> None:
    text = "graphrun: 1\ninputs: {x: {shape: [batch, 2]}}\nnodes:\n  J: sum(x) / batch\n  n: dim(x, 0) * 2"
    out = gr.loads(text).run(x=[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert (out["J"], out["n"]) == (7.0, 6)


def test_a_long_sum_does_not_recurse() -> None:
    formula = " + ".join(["x"] * 20_000)
    assert value(formula) == 60_000.0


def test_a_hundred_thousand_copies() -> None:
    assert value("repeat(x, f, 100000)", "functions:\n  f(a): a * 1") == 3.0


def test_a_default_and_a_shape_may_ask_for_nodes_that_come_later() -> None:
    text = """
graphrun: 1
inputs: {x: [1, 2]}
functions:
  f(a, b=late * 2): a + b
  held(a):
    params: {w: {shape: [dim(later)], init: 1}, v: {shape: [dim(z)], init: 1}}
    nodes:
      q: sum(v) * 2
      z: concat([a, a])
    returns: q + sum(w) + sum(z)
nodes:
  out: f(1)
  h: held(x)
  late: x + 1
  later: concat([x, x, x])
"""
    values = gr.loads(text).run()
    assert values["out"].tolist() == [5.0, 7.0]
    assert values["h"] == 8 + 6 + 6


def test_functions_are_chosen_among_arguments() -> None:
    rest = "functions:\n  h(x, f, g, c): repeat(x, f if c else g, 2)\n  add(x, n): x + n"
    assert value("h(x, add(5), add(7), true)", rest) == 13.0
    assert value("h(x, add(5), add(7), false)", rest) == 17.0


def test_an_initializer_is_passed_to_where_a_parameter_begins() -> None:
    text = """
graphrun: 1
inputs: {x: [1, 2]}
functions:
  layer(x, units, begin=ones()):
    params: {w: {shape: [dim(x), units], init: begin}}
    returns: x @ w
  outer(x, u, i): layer(x, u, begin=i)
nodes:
  a: layer(x, 1)
  b: layer(x, 1, zeros)
  c: layer(x, 1, begin=constant(3))
  d: x -> repeat(outer(2, 0.5), 2)
  e: outer(x, 1, normal(7, 0))
  f: layer(x, 1, 1 / sqrt(4))
"""
    model = gr.loads(text)
    assert [model.params[f"{n}.w"].tolist() for n in "abcef"] == [[[1], [1]], [[0], [0]], [[3], [3]], [[7], [7]], [[0.5], [0.5]]]
    assert model.params["d.1.w"].tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_a_size_of_the_batch_is_compared_when_the_graph_runs_and_decides_nothing_before() -> None:
    head = "graphrun: 1\ninputs: {x: {shape: [batch, 2]}}\nnodes:\n  J: "
    found = [gr.loads(f"{head}where({c}, 1, 0)").run(x=[[1.0, 2.0]] * 3)["J"] for c in ("batch > 2", "dim(x, 0) == 3", "4 <= batch")]
    assert found == [1, 1, 0]
    for condition in ("batch > 2", "batch == 3", "shape(x) == [3, 2]"):
        with pytest.raises(gr.SpecError, match=re.escape(f"condition-not-known: whether `{condition}` is not known")):
            gr.loads(f"{head}1 if {condition} else 0")
    assert gr.loads(f"{head}1 if shape(x) == [batch, 2] and shape(x) != [batch, 3] else 0").run(x=[[1.0, 2.0]])["J"] == 1


def test_a_node_that_is_a_list_of_numbers_is_an_array() -> None:
    text = 'graphrun: 1\ninputs: {x: [1, 2, 3]}\nnodes:\n  k: "[1, 10, 100]"\n  y: x * k + k[1]\n  z: scan([1, 2, 3], add, k)'
    values = gr.loads(text).run()
    assert values["y"].tolist() == [11, 30, 310]
    assert values["z"].tolist() == [[2, 11, 101], [4, 13, 103], [7, 16, 106]]


@pytest.mark.parametrize("formula", ["10^400", "1e308 * 10", "10^300 * 10^300"])
def test_arithmetic_on_numbers_that_grows_too_large_is_told(formula: str) -> None:
    with pytest.raises(gr.SpecError, match="number-fault"):
        value(formula)
