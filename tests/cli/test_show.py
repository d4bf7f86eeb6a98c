"""`graphrun show`: its sections, and the numbers that a check of admission reads."""

import json
import os
import re
from pathlib import Path

import pytest

from graphrun.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden"
OTHER = """\
graphrun: 1
functions:
  twice(x): 2 * x
optimizers:
  slow(lr): {update: param - lr * grad / 10}
"""
SPEC = """\
graphrun: 1
about: A net that uses functions of another file, and says enough about itself to fill more than a line of a terminal.
dims: [time]
config: {width: 4}
use: [other.yaml]
inputs:
  x: {shape: [batch, time, 3]}
  y: {shape: [batch]}
functions:
  unit(x, units):
    params: {weight: {shape: [dim(x), units], init: glorot_normal()}}
    returns: tanh(x @ weight)
params:
  scale: 1
  shift: {init: 0, trainable: false}
nodes:
  h: x -> unit(width) -> unit(width) -> twice
  p: scale * sum(sum(h, axis=-1), axis=-1) + shift
  J: mean((p - y)^2)
loss: J
train: {steps: 100, batch: 8, optimizer: slow(lr=0.1)}
"""


@pytest.fixture
def show(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("other.yaml").write_text(OTHER, encoding="utf-8")
    Path("net.yaml").write_text(SPEC, encoding="utf-8")

    def call(*argv, status=0):
        assert main(["show", *argv]) == status
        return capsys.readouterr().out

    return call


def _golden(name, found):
    found = re.sub(r"\b(\w+\.yaml):\d+$", r"\1:N", found, flags=re.MULTILINE)  # lines of the library move
    path = GOLDEN / name
    if os.environ.get("GRAPHRUN_REGENERATE"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_the_whole_is_golden(show):
    found = show("net.yaml", "--set", "width=2", "--set", "inputs.y.default=[0.5, 1]", "--set", "train.seed=3")
    assert all(len(line) <= 80 for line in found.splitlines())
    _golden("show.txt", found)


@pytest.mark.parametrize("name", ["ann", "iris", "gallery/deep"])
def test_layers_are_golden(show, name):
    found = show(str(ROOT / "specs" / f"{name}.yaml"), "--layers")
    assert all(len(line) <= 80 for line in found.splitlines())
    _golden(f"show_{Path(name).name}.txt", found)


def test_sections_are_chosen(show):
    heads = {"--spec": "SPEC, resolved: net.yaml", "--steps": "STEPS", "--layers": "INPUTS AND PARAMETERS"}
    for flag, head in heads.items():
        assert show("net.yaml", flag).splitlines()[0] == head
    both = show("net.yaml", "--spec", "--steps")
    assert "STEPS" in both
    assert "LAYERS" not in both
    assert "SPEC" not in show("net.yaml", "--quiet")


def test_each_entry_knows_where_it_came_from(show):
    found = json.loads(show("net.yaml", "--set", "width=2", "--set", "inputs.y.default=[0.5, 1]", "--format", "json"))
    entries = {e["key"]: e for e in found["entries"]}
    assert entries["config.width"] == {"key": "config.width", "value": 2, "from": "--set", "file": None, "line": None}
    assert entries["inputs.x"]["from"] == "line 7"
    assert (entries["inputs.y"]["from"], entries["inputs.y"]["file"]) == ("line 8, --set", "net.yaml")
    assert {k for k, e in entries.items() if e["from"] == "default"} == {"name", "dtype", "train.shuffle", "train.drop_last", "train.seed"}
    assert entries["name"]["value"] == "net"


def test_totals_are_the_sums_of_the_layers(show):
    found = json.loads(show("net.yaml", "--format", "json", "--set", "width=2"))
    totals, rows = found["totals"], [r for r in found["layers"] if r["level"] == 0]
    assert totals["parameters"] == sum(r["parameters"] for r in rows) == 3 * 2 + 2 * 2 + 2
    assert totals["trained_parameters"] == totals["parameters"] - 1
    assert totals["parameter_bytes"] == 8 * totals["parameters"]
    assert totals["at"] == {"batch": 8, "time": 1}
    for what in ("multiply_adds", "memory_bytes"):
        assert totals[what] == sum(r[what] for r in rows)
    assert [r["name"] for r in found["layers"] if r["level"] == 1] == ["h.0", "h.1"]
    matmuls = 8 * (3 * 2 + 2 * 2)
    assert next(r for r in rows if r["name"] == "h")["multiply_adds"] == matmuls + 8 * (2 + 2 + 2)  # two tanh, and the doubling


def test_outputs_that_follow_from_the_graph_are_a_default(show):
    Path("f.yaml").write_text("graphrun: 1\ninputs: {x: 2}\nnodes: {a: 2 * x, b: a + 1}\n", encoding="utf-8")
    assert "  default   outputs: [b]" in show("f.yaml").splitlines()


def test_a_long_table_is_cut(show):
    nodes = "".join(f"  n{k}: n{k - 1} + 1\n" for k in range(1, 260))
    Path("f.yaml").write_text(f"graphrun: 1\ninputs: {{n0: 2}}\nnodes:\n{nodes}", encoding="utf-8")
    assert "  ... and 59 more (--all shows them)" in show("f.yaml", "--layers").splitlines()
    assert "n259" in show("f.yaml", "--layers", "--all")
