"""The resolved spec reads back to the same model, and the JSON Schema knows what the models know."""

from __future__ import annotations

import json
import math
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_helpers import good

from graphrun.errors import Reporter
from graphrun.spec.load import read_spec, read_text
from graphrun.spec.models import SpecModel
from graphrun.spec.resolved import resolved
from graphrun.spec.schema import json_schema

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted((ROOT / "specs").glob("*.yaml")) + sorted((ROOT / "graphrun" / "library").glob("*.yaml"))

WHOLE = """
graphrun: 1
about: "A spec: with everything # in it"
train:
  optimizer: adam(lr=1e-3)
  epochs: 20
  from: other.safetensors
  per_parameter: {"*.bias": {weight_decay: 0, frozen: true}}
  clip: {norm: 1.0}
  eval: {every: 3}
dims: [time]
config: {width: 64, word: "yes", number: "12", flag: true, list: [1, [2.5, a]]}
use: [../blocks.yaml]
nodes:
  a: [x, "f(2, 3)", relu]
  b: x[:, 1:3] if flag else x
  c: "normal(0, 1) # none"
  d: 3
  e: true
inputs:
  x: {shape: [batch, width * 2], dtype: float32}
  y: {}
  z: [1, 2.5, -1e-5]
params:
  w: {shape: [3], init: "normal(0, 0.02)", trainable: false}
  v: .inf
functions:
  f(x, units=8, kind='same'): {params: {k: {init: 1}}, nodes: {q: "x: 1"}, returns: [q, k]}
loss: mean(a)
data:
  source: {train: a.csv, test: [b.csv, /data/c.csv]}
  columns: {x: "a..b", y: c}
  transform: {x: "clip(x, 0, 1)"}
expect:
  - {values: {J#1: 3, "h@3": [1, 2]}, metrics: {accuracy: ">= 0.9"}, tolerance: 0}
"""

GOLDEN = """\
graphrun: 1
name: s
about: "A spec: with everything # in it"

dims: [time]

config:
  width: 64
  word: yes
  number: "12"
  flag: true
  list:
    - 1
    - [2.5, a]

use: [../blocks.yaml]
"""


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_what_ships_reads_back(path):
    spec = read_spec(path, (), Reporter())
    assert spec is not None
    again = good(resolved(spec))
    assert again.model.model_copy(update={"name": None}) == spec.model.model_copy(update={"name": None})
    assert again.name == spec.name
    assert list(again.model.nodes) == list(spec.model.nodes)
    assert resolved(again) == resolved(spec)


def test_everything_reads_back_in_the_languages_order(tmp_path):
    (tmp_path / "blocks.yaml").write_text("graphrun: 1\n", encoding="utf-8")
    base = tmp_path / "specs"
    base.mkdir()
    spec = good(WHOLE, base=base)
    text = resolved(spec)
    assert text.startswith(GOLDEN)
    assert [line.partition(":")[0] for line in text.split("\n") if re.match("[a-z]", line)] == [
        *("graphrun", "name", "about", "dims", "config", "use", "inputs", "params", "functions", "nodes", "loss", "data", "train", "expect")
    ]
    again = good(text, base=base)
    assert again.model.model_copy(update={"name": None}) == spec.model
    assert resolved(again) == text


def test_settings_are_in_it_and_defaults_are_not():
    spec = good("graphrun: 1\nconfig: {n: 3}\ntrain: {epochs: 3, seed: n}\n", ["train.steps=10", "n=5"])
    assert resolved(spec) == "graphrun: 1\nname: s\n\nconfig: {n: 5}\n\ntrain: {steps: 10, seed: 5}\n"


def test_paths_can_be_moved_to_another_folder(tmp_path):
    (tmp_path / "blocks.yaml").write_text("graphrun: 1\n", encoding="utf-8")
    (tmp_path / "specs").mkdir()
    spec = good(WHOLE, base=tmp_path / "specs")
    moved = good(resolved(spec, str(tmp_path / "outputs" / "net")), base=tmp_path / "outputs" / "net").model
    assert moved.use == [os.path.join("..", "..", "blocks.yaml")]
    assert moved.data is not None
    assert moved.data.source == {
        "train": os.path.join("..", "..", "specs", "a.csv"),
        "test": [os.path.join("..", "..", "specs", "b.csv"), "/data/c.csv"],
    }
    assert moved.train is not None
    assert moved.train.from_ == os.path.join("..", "..", "specs", "other.safetensors")


NUMBERS = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False) | st.booleans()
CONFIG = st.recursive(NUMBERS | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=6)
NAMES = st.from_regex(r"[a-z]{1,3}[A-Z0-9_]{0,2}x", fullmatch=True)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(NAMES, CONFIG, max_size=4),
    st.dictionaries(NAMES, st.text(max_size=12) | st.lists(st.text(max_size=5), min_size=1, max_size=3), max_size=4),
    st.text(max_size=20),
)
def test_any_values_read_back(config, nodes, about):
    spec = good("graphrun: 1\n")
    model = SpecModel(graphrun=1, about=about, config=config, nodes=nodes)
    object.__setattr__(spec, "model", model)
    text = resolved(spec)
    reporter = Reporter()
    again = read_text(text, ".", "s", (), reporter)
    faults = [d for d in reporter.errors if d.code not in {"duplicate-name", "reserved-name"}]
    assert not faults
    if again is not None:
        assert again.model.config == config
        assert again.model.nodes == nodes
        assert again.model.about == about


def test_not_a_number_reads_back():
    spec = good("graphrun: 1\nconfig: {x: .nan}\n")
    assert math.isnan(good(resolved(spec)).model.config["x"])  # type: ignore[arg-type]


# -- schema -------------------------------------------------------------------------------------------------------------------


def _objects(schema):
    stack = [schema]
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            yield top
            stack.extend(top.values())
        elif isinstance(top, list):
            stack.extend(top)


def test_the_schema_is_json_and_closed_and_says_what_each_key_is():
    schema = json.loads(json.dumps(json_schema()))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["graphrun"]
    assert list(schema["properties"]) == list(SpecModel.model_fields)
    for home in (schema, *schema["$defs"].values()):
        assert home["additionalProperties"] is False
        for key, entry in home["properties"].items():
            assert entry.get("description"), key
    for part in _objects(schema):
        if isinstance(part.get("$ref"), str):
            assert part["$ref"].removeprefix("#/$defs/") in schema["$defs"]
        assert "Model" not in str(part.get("$ref", ""))
        assert {"type": "null"} not in part.get("anyOf", [])


def test_the_schema_knows_heads_and_names():
    properties = json_schema()["properties"]
    (head,) = properties["functions"]["patternProperties"]
    assert re.search(head, "f(x, units=8)")
    assert not re.search(head, "f")
    (name,) = properties["nodes"]["patternProperties"]
    assert re.search(name, "hat_y")
    assert not re.search(name, "a-b")
    assert properties["graphrun"]["const"] == 1
    assert json_schema()["$defs"]["Train"]["properties"]["from"]["type"] == "string"


def test_the_schema_bounds_numbers():
    train = json_schema()["$defs"]["Train"]["properties"]
    assert {"exclusiveMinimum": 0, "type": "integer"} in train["steps"]["anyOf"]
    assert train["seed"]["minimum"] == 0
