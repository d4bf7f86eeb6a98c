"""Files, `use`, and what a loaded spec holds."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from spec_helpers import golden, good, texts

from graphrun.errors import Reporter, UsageError
from graphrun.spec.load import read_spec, read_text
from graphrun.spec.lost import Lost
from graphrun.spec.models import FunctionModel, ParamModel
from graphrun.spec.not_yet import NOT_YET, SUFFIXES
from graphrun.spec.places import PlaceTable

ROOT = Path(__file__).resolve().parents[2]
HEAD = "graphrun: 1\n"


def told(path, settings=()):
    reporter = Reporter()
    try:
        spec = read_spec(path, settings, reporter)
    except UsageError as error:
        return None, f"usage: {error}"
    return spec, texts(reporter)


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(HEAD + text, encoding="utf-8")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "specs").glob("*.yaml")) + sorted((ROOT / "graphrun" / "library").glob("*.yaml")), ids=lambda p: p.stem
)
def test_what_ships_is_read_without_a_word(path):
    spec, said = told(path)
    assert spec is not None
    assert said == ""


def test_a_spec_holds_its_parts():
    text = HEAD + "inputs: {x: {}}\nparams: {w: 3, v: {init: 0}}\nfunctions:\n  f(x): x\n  g(x): {nodes: {z: x}, returns: [z, x]}\n"
    spec = good(text)
    assert spec.name == "s"
    assert spec.base == "."
    assert spec.settings == {}
    assert spec.model.params == {"w": 3, "v": ParamModel(init=0)}
    f, g = spec.file.functions["f"], spec.file.functions["g"]
    assert (f.has_body, f.path, f.model.returns) == (False, ("functions", "f(x)"), "x")
    assert f.model == FunctionModel(returns="x")
    assert (g.has_body, g.model.nodes, g.model.returns) == (True, {"z": "x"}, ["z", "x"])
    assert [name for name, _ in g.signature.args] == ["x"]
    assert g.file is spec.file
    assert spec.file.positions.source.text == text


@pytest.mark.parametrize(
    ("stem", "name"), [("net", "net"), ("my-net", "my_net"), ("2nd", "_2nd"), ("a.b", "a_b"), ("in", "in"), ("ü", "u")]
)
def test_the_name_is_the_files_where_it_gives_none(tmp_path, stem, name):
    write(tmp_path, **{stem: "nodes: {a: 1 + 1}\n"})
    spec, _ = told(tmp_path / f"{stem}.yaml")
    assert spec is not None
    assert spec.name == name
    assert spec.base == str(tmp_path)


def test_a_byte_order_mark_is_passed_over(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + HEAD.encode())
    assert told(tmp_path / "a.yaml")[0] is not None
    assert read_text("\ufeff" + HEAD, ".", "s", (), Reporter()) is not None


def test_a_spec_with_faults_is_given_where_the_rest_can_be_judged():
    reporter = Reporter()
    spec = read_text(
        HEAD + "nodes: {a: 1 + 1}\ntrain: {optimiser: x, steps: [], seed: 3}\nexpect: [3, {parameters: 1}]\n", ".", "s", (), reporter
    )
    assert spec is not None
    assert len(reporter.errors) == 3
    assert spec.model.train is not None
    assert (spec.model.train.seed, spec.model.train.steps) == (3, None)
    assert [e.parameters for e in spec.model.expect] == [None, 1]


@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("nodes: {a: [[1]], b: 1}", Lost({"a"})),
        ("params: {w: x}", Lost({"w"})),
        ("param: {w: 1}", Lost({"w"}, {"w"}, {"w"}, {"w"})),
        ("params: {w: {ini: 3}}", Lost({"w"})),
        ("inputs: {x: 1, x: 2}\nnodes: {a: @x}", Lost({"a"})),
        ("nodes: {a: 1, b-c: 2}\nparams: {a: 1}", Lost({"a", "b-c", "b", "c", "b_c", "bc"})),
        ("inputs: {x: {shape: [batch, 3, []]}}", Lost({"x"}, batch=True)),
        ("inputs: [x, y]", Lost({"x", "y"})),
        ("nodes: 3", Lost(any_name=True)),
        ("nodes: {y: 1, <<: *a}", Lost(any_name=True, any_function=True)),
        ("use: [none.yaml]", Lost(any_function=True)),
        ("functions: {f(x): {params: {w: {shape: [2]}}, returns: x}}", Lost(inner={"f(x)": {"w"}})),
        ("functions: {f(x): {return: x}}", Lost(functions={"f"})),
        ("functions: {f(x: x}", Lost(any_name=True, any_function=True)),
        ("functions: {f(lambda): 1}", Lost(functions={"f"})),
        ("optimizers: {o(lr): {state: {}}}", Lost(optimizers={"o"})),
        ("loss: [1]", Lost(loss=True)),
        ("metrics: {m: {}}", Lost(metrics={"m"})),
        ("data: {source: a.csv, colums: {x: y}}", Lost(data=True)),
        ("train: {step: 3}", Lost()),
    ],
)
def test_what_could_not_be_read_is_known_by_name(text, lost):
    reporter = Reporter()
    spec = read_text(HEAD + text, ".", "s", (), reporter)
    assert reporter.errors
    assert (None if spec is None else spec.file.lost) == lost


def test_faults_of_files_have_their_messages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.yaml").write_bytes(HEAD.encode() + b"about: f\xfcr\n")
    (tmp_path / "wide.yaml").write_bytes("graphrun: 1".encode("utf-16"))
    write(
        tmp_path,
        blocks="functions:\n  f(x): x\n  g(x): x\noptimizers:\n  o(lr): {update: param}\n",
        more="functions:\n  f(x): x\n",
        wrong="functions:\n  f(x: x\nfoo: 1\n",
        missing="use: [block.yaml, nowhere.yaml, folder, latin.yaml]\n",
        twice="use: [blocks.yaml, more.yaml]\n",
        own="use: [blocks.yaml]\nfunctions:\n  f(y): y\noptimizers:\n  o(lr): {update: param}\n",
        same="use: [blocks.yaml, ./blocks.yaml]\n",
        itself="use: [itself.yaml]\n",
        a="use: [b.yaml]\n",
        b="use: [c.yaml]\n",
        c="use: [a.yaml]\n",
        faulty="use: [wrong.yaml, wrong.yaml, more.yaml]\n",
        later="use: [newer.yaml]\n",
    )
    (tmp_path / "newer.yaml").write_text("graphrun: 2\n", encoding="utf-8")
    found = {}
    for name in ["none", "folder", "latin", "missing", "twice", "own", "same", "itself", "a", "faulty", "later"]:
        path = name if name == "folder" else f"{name}.yaml"
        spec, found[name] = told(path)
        assert found[name]
        assert spec is None or name in {"missing", "twice", "own", "same", "itself", "a", "faulty", "later"}
    assert told("wide.yaml")[1].startswith("wide.yaml:1:1 error not-utf-8: `wide.yaml` is not UTF-8 text: line 1 holds the byte 0xff\n")
    found["near"] = told("block.yaml")[1]
    assert found == golden("files.txt", found)


def test_use_brings_functions_and_optimizers_of_that_file_alone(tmp_path):
    write(
        tmp_path,
        base="functions:\n  deep(x): x\n",
        blocks="use: [base.yaml]\nparams: {w: 1}\nnodes: {n: w}\nfunctions:\n  f(x): deep(x)\noptimizers:\n  o(lr): {update: param}\n",
        top="use: [sub/../blocks.yaml]\nfunctions:\n  g(x): f(x)\nnodes: {y: g(1)}\n",
    )
    spec, said = told(tmp_path / "top.yaml")
    assert said == ""
    assert spec is not None
    assert set(spec.file.functions) == {"g", "f"}
    assert set(spec.file.optimizers) == {"o"}
    f = spec.file.functions["f"]
    assert f.file is not spec.file
    assert set(f.file.functions) == {"f", "deep"}
    assert f.file.positions.source.name == os.path.join(tmp_path, "blocks.yaml")
    assert str(f.file.positions.value(f.path)).endswith("blocks.yaml:6:9")
    assert spec.model.nodes == {"y": "g(1)"}


def test_a_file_used_on_two_ways_is_one_file(tmp_path):
    write(
        tmp_path,
        base="functions:\n  f(x): x\n",
        left="use: [base.yaml]\nfunctions:\n  l(x): f(x)\n",
        right="use: [base.yaml]\nfunctions:\n  r(x): f(x)\n",
        top="use: [left.yaml, right.yaml, base.yaml]\n",
    )
    spec, said = told(tmp_path / "top.yaml")
    assert said == ""
    assert spec is not None
    assert spec.file.functions["l"].file.functions["f"] is spec.file.functions["f"]
    assert spec.file.functions["r"].file.functions["f"] is spec.file.functions["f"]


def test_what_a_used_file_is_not_used_for_may_be_later_work(tmp_path):
    write(tmp_path, blocks="train: {ema: 0.9}\nfunctions:\n  f(x): x\n", top="use: [blocks.yaml]\n")
    assert told(tmp_path / "top.yaml")[1] == ""


def test_paths_of_texts_are_relative_to_their_base(tmp_path):
    write(tmp_path, blocks="functions:\n  f(x): x\n")
    assert set(good(HEAD + "use: [blocks.yaml]\n", base=tmp_path).file.functions) == {"f"}


@pytest.mark.parametrize("path", NOT_YET)
def test_every_key_of_later_work_is_refused_by_name(path):
    values = {"state": "{s: {init: 0, update: s}}", "text": "{context: 3}", "ema": "0.9", "checkpoint": "{every: 3}", "accumulate": "2"}
    values |= {"early_stop": "{watch: a, patience: 3}", "health": "true"}
    keys = ["f(x)" if key == "*" else key for key in path]
    inner = f"{keys[-1]}: {values[keys[-1]]}"
    if keys[0] == "functions":
        inner += ", returns: x"
    for key in reversed(keys[:-1]):
        inner = f"{key}: {{{inner}}}"
    reporter = Reporter()
    read_text(f"{HEAD}{inner}\n", ".", "s", (), reporter)
    (only,) = reporter.errors
    assert only.code == "not-yet"
    assert f"`{'.'.join(keys)}`" in only.message
    assert only.place is not None
    line = only.place.source.line(2)
    assert line[only.place.column - 1 : only.place.end_column - 1] == keys[-1]


@pytest.mark.parametrize("text", [f"data: {{source: a{s}}}" for s in SUFFIXES])
def test_files_of_later_work_are_refused(text):
    reporter = Reporter()
    spec = read_text(f"{HEAD}{text}\n", ".", "s", (), reporter)
    assert [d.code for d in reporter.errors] == ["not-yet"]
    assert spec is not None
    assert spec.model.data is None


@pytest.mark.parametrize(
    "text",
    [
        "diagram: {view: steps}",
        "diagram: {view: auto, direction: TB, show: [values]}",
        "diagram: {view: neurons, highlight: 'forward:w'}",
        "data: {source: [a.csv, b.TSV, '*.csv']}",
    ],
)
def test_what_is_carried_out_is_not_refused(text):
    good(f"{HEAD}{text}\n")


def test_garbage_collection_is_on_again_after_reading():
    assert gc.isenabled()
    told("nowhere.yaml")
    good(HEAD)
    assert gc.isenabled()


def test_many_plain_numbers_make_no_models_and_are_all_there():
    text = HEAD + "params:\n" + "".join(f"  w{k}: 0.25\n" for k in range(2000)) + "  v: {init: 1}\n  u: [1, 2]\n"
    spec = good(text)
    assert len(spec.model.params) == 2002
    assert list(spec.model.params)[-3:] == ["w1999", "v", "u"]
    assert spec.model.params["w7"] == 0.25
    assert spec.model.params["v"] == ParamModel(init=1)
    assert isinstance(spec.file.positions, PlaceTable)
    assert str(spec.key("params", "w1500")) == "s.yaml:1503:3"
    assert str(spec.value("params", "w1500")) == "s.yaml:1503:10"


def test_a_wrong_number_among_many_is_told_once():
    text = HEAD + "params:\n" + "".join(f"  w{k}: 0.25\n" for k in range(50)) + "  v: hello\n  7w: 1\n"
    reporter = Reporter()
    spec = read_text(text, ".", "s", (), reporter)
    assert [(d.code, d.place.line) for d in reporter.errors if d.place] == [("wrong-type", 53), ("bad-name", 54)]
    assert spec is not None
    assert len(spec.model.params) == 51
    assert spec.file.lost == Lost({"v", "7w", "w", "w7", "_7w"})


def test_reading_loads_neither_numpy_nor_rich():
    code = "import graphrun.spec.load, graphrun.spec.schema, graphrun.spec.resolved, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    assert "yaml" in loaded
    assert not [name for name in loaded if re.match(r"(numpy|scipy|rich|typer|jinja2|graphviz|pygraphviz)\b", name)]
