"""Names of nodes, parameters and steps (language.md §4)."""

from __future__ import annotations

import pytest

import graphrun as gr

HEAD = "graphrun: 1\ninputs: {x: {shape: [batch, 4]}}\n"


def names(text: str, training: bool = False) -> list[str]:
    built = gr.loads(HEAD + text).built_for(training)
    return [n for n in (built.graph.name(i) for i in range(len(built.graph))) if not n.startswith("%")]


def params(text: str) -> list[str]:
    return list(gr.loads(HEAD + text).built.params)


def test_one_layer_bears_the_nodes_name() -> None:
    assert params("nodes:\n  h: x -> dense(32)") == ["h.weight", "h.bias"]
    assert names("nodes:\n  h: x -> dense(32)") == ["x", "h.weight", "h.z#1", "h.bias", "h.z", "h"]


def test_several_layers_are_numbered_and_those_that_hold_nothing_are_not() -> None:
    found = params("nodes:\n  h: x -> dense(64) -> relu -> dense(32)")
    assert found == ["h.0.weight", "h.0.bias", "h.1.weight", "h.1.bias"]


def test_a_chain_as_a_list_is_the_same_as_a_formula() -> None:
    assert params("nodes:\n  h: [x, dense(64), relu]") == ["h.weight", "h.bias"]


def test_copies_of_a_repeat_are_numbered_and_a_repeat_counts_as_one_call() -> None:
    assert params("nodes:\n  h: x -> repeat(dense(4, bias=false), 2)") == ["h.0.weight", "h.1.weight"]
    found = params("nodes:\n  h: x -> repeat(dense(4, bias=false), 2) -> dense(3, bias=false)")
    assert found == ["h.0.0.weight", "h.0.1.weight", "h.1.weight"]


def test_one_copy_is_numbered_too() -> None:
    assert params("nodes:\n  h: x -> repeat(dense(4, bias=false), 1)") == ["h.0.weight"]


def test_inner_layers_are_reached_with_dots() -> None:
    text = """
functions:
  block(x, units):
    params: {scale: 1}
    nodes:
      z: x -> dense(units)
    returns: relu(z) * scale
nodes:
  h: x -> block(8)
  again: sum(h.z.weight) + h.scale + sum(h.z)
"""
    assert params(text) == ["h.z.weight", "h.z.bias", "h.scale"]


def test_share_uses_the_same_parameters() -> None:
    text = "nodes:\n  h: x -> dense(4)\n  g: h -> share(h)\n  J: mean(g)\nloss: J"
    assert params(text) == ["h.weight", "h.bias"]
    assert "g.z" in names(text)


def test_share_replaces_leading_arguments() -> None:
    text = """
functions:
  mixed(a, b, units):
    params: {w: {shape: [units], init: 1}}
    returns: sum(a * b) * w
nodes:
  h: mixed(x, x, 3)
  g: 2 * x -> share(h, 3 * x)
"""
    model = gr.loads(HEAD + text)
    out = model.run(x=[[1.0, 2.0, 3.0, 4.0]])
    assert list(model.built.params) == ["h.w"]
    assert out["h"].tolist() == [30.0] * 3
    assert out["g"].tolist() == [180.0] * 3


def test_steps_are_numbered_in_order_of_computation_and_numbers_make_none() -> None:
    model = gr.loads("graphrun: 1\ninputs: {d: 3}\nnodes:\n  J: 1/2 * d^2\n  k: 3\n  same: J")
    values = model.run()
    assert (values["J#1"], values["J"], values["k"], values["same"]) == (9.0, 4.5, 3.0, 4.5)
    assert "J#2" not in values


def test_positions_of_a_scan_end_in_at() -> None:
    text = """
graphrun: 1
inputs: {x: {shape: [3, 2], default: [[1, 2], [3, 4], [5, 6]]}}
functions:
  cell(c, xt):
    nodes: {z: c + sum(xt)}
    returns: 2 * z
nodes:
  h: scan(x, cell, 0)
"""
    values = gr.loads(text).run()
    assert values["h"].tolist() == [6.0, 26.0, 74.0]
    assert values["h.z@1"] == 13.0
    assert values["h#2@1"] == 26.0


def test_a_list_of_values_has_elements_as_nodes() -> None:
    values = gr.loads(HEAD + "nodes:\n  pair: split(x, 2, axis=1)\n  a: pair.0 + pair[1]").run(x=[[1.0, 2.0, 3.0, 4.0]])
    assert values["pair.1"].tolist() == [[3.0, 4.0]]
    assert values["a"].tolist() == [[4.0, 6.0]]


def test_names_are_the_same_in_both_graphs_of_a_choice_on_training() -> None:
    text = """
nodes:
  h: (x -> dense(4, bias=false) if training else x) -> dense(3, bias=false)
  J: mean(h)
loss: J
"""
    model = gr.loads(HEAD + text)
    assert "h.1.weight" in names(text)
    assert "h.0.weight" not in names(text)
    assert "h.0.weight" in names(text, training=True)
    assert set(model.params) == {"h.0.weight", "h.1.weight"}


def test_a_parameter_that_a_call_never_uses_is_not_made() -> None:
    text = """
functions:
  scaled(x, units, bias=true):
    params:
      weight: {shape: [dim(x), units], init: he_normal()}
      shift: {shape: [units], init: 0}
    returns: x @ weight + shift if bias else x @ weight
nodes:
  a: x -> scaled(3)
  b: x -> scaled(3, bias=false)
"""
    assert params(text) == ["a.weight", "a.shift", "b.weight"]


def test_values_and_functions_are_two_name_spaces() -> None:
    values = gr.loads("graphrun: 1\ninputs: {z: [1, 1]}\nnodes:\n  softmax: softmax(z)").run()
    assert values["softmax"].tolist() == [0.5, 0.5]


def test_two_things_of_one_name_are_an_error() -> None:
    text = """
functions:
  f(x):
    params: {weight: 1}
    returns: (x -> dense(3)) * weight
nodes:
  h: f(x)
"""
    with pytest.raises(gr.SpecError, match="name-clash"):
        gr.loads(HEAD + text)


def test_functions_that_nothing_calls_are_read_too() -> None:
    text = "graphrun: 1\nfunctions:\n  f(x, act=relu): dens(act(x), 3)\n  g(x): {nodes: {z: f(x)}, returns: rellu(z)}\n"
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(text)
    found = [(d.code, d.place.line, d.place.column, d.help) for d in caught.value.diagnostics if d.place]
    assert found == [
        ("unknown-function", 3, 19, "did you mean `dense`?"),
        ("unknown-function", 4, 37, "did you mean `relu`?"),
    ]
