"""What is said about each kind of mistake in a spec, whole."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_helpers import golden, messages

from graphrun.codes import catalogue
from graphrun.errors import Reporter, Source
from graphrun.spec.check import check_spec
from graphrun.spec.yaml import read_yaml

HEAD = "graphrun: 1\n"
CASES = {
    "no version": "inputs: {x: 1}\n",
    "version misspelt": "graprun: 1\ninputs: {x: 1}\n",
    "later version": "graphrun: 2\nnew: 3\n",
    "version that is none": 'graphrun: "1"\n',
    "version as a fraction": "graphrun: 1.0\n",
    "empty": "",
    "only a comment": "# nothing\n",
    "a list": "- graphrun\n",
    "a text": "graphrun\n",
    "unknown key": HEAD + "nods: {a: 1}\ntrain: {optimiser: adam()}\n",
    "unknown key with nothing near": HEAD + "foo: 1\ndata: {bar: 2, rows: [[1]]}\n",
    "key of another section": HEAD + "epochs: 3\ntrain: {rows: [[1]]}\nparams: {w: {init: 0, default: 1}}\n",
    "unknown key in a parameter": HEAD + "params:\n  w: {ini: 3}\n  v: {init: 0, shapes: [2]}\n",
    "unknown key in a function": HEAD + "functions:\n  f(x): {param: {w: 1}, returns: x}\n",
    "unknown key in a list": HEAD + "expect:\n  - value: {J: 1}\n  - {values: {J: 1}, tolerence: 1}\n",
    "missing keys": HEAD
    + "params:\n  w: {shape: [3]}\nfunctions:\n  f(x): {nodes: {a: x}}\noptimizers:\n  g(lr): {state: {v: {init: 0}}}\n",
    "sections of another kind": HEAD
    + "inputs: [x]\nnodes: a\ntrain: 100\nexpect: {values: {a: 1}}\nuse: blocks.yaml\ndims: time\noutputs: J\n",
    "input of another kind": HEAD + "inputs: {x: hello, y: [1, a], z: {shape: 3}, u: {shape: [1.5]}, v: {dtype: float}, w: {default: x}}\n",
    "parameter of another kind": HEAD + "params: {a: 1/2, b: 1_000, c: {init: [1, x]}, d: {init: 0, trainable: yes}, e: {init: {x: 1}}}\n",
    "formula of another kind": HEAD + "nodes:\n  a: {b: 1}\n  c: [x, [y]]\n  d:\n    e: f\nloss: [a]\nmetrics: {m: [a]}\n",
    "function of another kind": HEAD + "functions:\n  f(x): {returns: {a: 1}}\n  g(x): {params: [1], returns: x}\n",
    "name and about": HEAD + "name: 3\nabout: [a]\n",
    "config": HEAD + "config: {a: {b: 1}, c: [1, [x, true]]}\n",
    "words": HEAD + "dtype: float16\ndiagram: {view: step, direction: left, show: [value]}\n",
    "numbers of training": HEAD + "train: {steps: 0, batch: -1, seed: 1.5, clip: -1, drop_last: no, shuffle: 1}\n",
    "numbers of training, 2": HEAD
    + "train: {steps: true, optimizer: 3, clip: {norm: 0}, eval: {every: 0}, log: 3, per_parameter: {w: frozen}}\n",
    "steps and epochs": HEAD + "train: {epochs: 3, steps: 100}\n",
    "clip": HEAD + "train: {clip: {norm: 1, value: 1}}\n",
    "clip of nothing": HEAD + "train: {clip: {}}\n",
    "split by a column and more": HEAD + "data: {rows: [[1]], split: {by: part, train: 0.8}}\n",
    "data of another kind": HEAD + "data: {source: 3, rows: [1, 2], columns: x, classes: {y: a}, split: 0.8, transform: {x: 1}}\n",
    "expect of another kind": HEAD
    + "expect: [3, {values: 3, shapes: {a: 3}, parameters: -1, after_steps: 1.5, tolerance: -1, metrics: {a: [1]}}]\n",
    "two faults near each other": HEAD + "train:\n  optimiser: adam\n  steps: []\n  seed: x\n",
    "bad names": HEAD + "name: my net\ninputs: {x-1: 1, 2b: 1}\nparams: {é: 1, a.b: 1}\nnodes: {a b: x}\nmetrics: {m-1: x}\n",
    "reserved names": HEAD + "inputs: {batch: 1, lambda: 1}\nparams: {true: 1, none: 2}\nnodes: {training: x, step: x, steps: x, in: x}\n",
    "names of dimensions": HEAD + "dims: [time, time, batch, 2d, in]\ninputs: {time: 1}\n",
    "names given twice": HEAD + "config: {a: 1}\ninputs: {x: 1}\nparams: {x: 1, y: 2}\nnodes: {y: 1, a: 2, z: 3}\n",
    "names in a function": HEAD
    + "functions:\n  f(x, T, batch):\n    params: {w: 1, x: 2}\n    nodes: {w: x, T: x, 'u-v': 1}\n    returns: x\n",
    "names in a function with dims": HEAD + "dims: [time]\nfunctions:\n  f(time): {nodes: {z: time}, returns: z}\n",
    "names in an optimizer": HEAD
    + "optimizers:\n  o(lr, param):\n    state: {grad: {update: grad}, lr: {update: lr}}\n    update: param\n",
    "heads": HEAD + "functions:\n  f: 1\n  g(x: x\n  'h(x, x)': x\n  k(x=1, y): x\n  lambda(x): x\n  2f(x): x\n  m(x) + 1: x\n",
    "head in quotes": HEAD + "functions:\n  'f(x, y=@)': x\n",
    "function given twice": HEAD
    + "functions:\n  f(x): x\n  g(x): x\n  f(x, y): x + y\noptimizers:\n  o(lr): {update: param}\n  o(): {update: param}\n",
    "not yet": HEAD + "data: {source: [a.npz, b.csv, c.parquet]}\n"
    "train: {checkpoint: {every: 3}, log: {every: 1, health: true}}\n",
    "not yet: text": HEAD + "data: {source: a.txt, columns: {x: tokens}, text: {context: 8}}\n",
    "yaml and structure": HEAD + "inputs: {x: 1, x: 2}\nnodes:\n  a: f(x\n  b: {c: g(1, 2)}\ntrain:\n  optimiser: adam\n  steps: @x\n",
    "number in config that is none": HEAD + "config: {n: 3, word: abc}\ntrain: {seed: word, accumulate: m}\n",
    "rows that are no lists": HEAD + "data: {rows: [0.5, 1], columns: [x]}\n",
    "sized": HEAD + "inputs:\n  x: {shape: [-1, true, batch]}\n",
}


def test_each_mistake_has_its_message():
    found = {name: messages(text) for name, text in CASES.items()}
    assert found == golden("messages.txt", found)


@pytest.mark.parametrize("text", CASES.values(), ids=list(CASES))
def test_every_code_is_documented(text):
    known = catalogue()
    assert messages(text)
    for code in re.findall(r"^\S+ (?:error|warning) ([a-z0-9-]+): ", messages(text), re.MULTILINE):
        assert code in known


def test_no_name_of_python_or_pydantic_is_ever_shown():
    text = Path(__file__).with_name("messages.txt").read_text(encoding="utf-8")
    for word in ("dict", "NoneType", "Input should be", "pydantic", "tuple", "None", "True", "str ", "{mapping}", "extra_forbidden"):
        assert word not in text


KEYS = [
    "graphrun",
    "name",
    "inputs",
    "params",
    "nodes",
    "functions",
    "train",
    "data",
    "expect",
    "steps",
    "init",
    "shape",
    "rows",
    "w",
    "f(x)",
    "split",
]
VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1, -3, 2.5, "x", "", "f(x, y)", float("inf"), "adam()"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("section", ["functions", "params", "inputs", "optimizers"])
def test_a_name_that_is_a_section_is_a_name(section):
    document = read_yaml(Source("s.yaml", "graphrun: 1\n"), Reporter())
    assert document is not None
    reporter = Reporter()
    check_spec({"graphrun": 1, section: {"expect": ["x", 1, None]}}, document.places, reporter)
    assert reporter.errors


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_no_data_raise_and_every_fault_is_in_our_words(data):
    document = read_yaml(Source("s.yaml", "graphrun: 1\n"), Reporter())
    assert document is not None
    reporter = Reporter()
    model = check_spec({**data, "graphrun": 1}, document.places, reporter)
    assert model is not None or reporter.errors
    for d in reporter.diagnostics:
        assert d.code in {"unknown-key", "missing-key", "wrong-type", "out-of-range", "wrong-value"}
        assert "should be" not in d.message
