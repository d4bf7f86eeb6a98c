"""A run that goes wrong, and a run that gives reason to warn: on the terminal, as JSON, in the folder."""

import json
from pathlib import Path

import pytest

from graphrun.cli.main import main

MIX = """\
graphrun: 1
name: mix
inputs: {x: {}}
params: {w: 1}
nodes:
  p: w * x
  z: log(p)
  J: (z + w)^2
loss: J
data: {columns: [x], rows: [[1], [0.5], [0.75], [2]]}
train: {optimizer: sgd(lr=3), steps: 50}
"""
STEEP = """\
graphrun: 1
name: steep
inputs: {x: {}, y: {}}
params: {w: 1}
nodes: {J: 1/2 * (w * x - y)^2}
loss: J
data: {columns: [x, y], rows: [[2, 3], [10, 4]]}
train: {optimizer: sgd(lr=0.1), steps: 9}
"""


@pytest.fixture(autouse=True)
def _specs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mix.yaml").write_text(MIX, encoding="utf-8")
    Path("steep.yaml").write_text(STEEP, encoding="utf-8")


TOLD = """\
mix.yaml:7:6 error non-finite: step 1: the loss became nan
    7 |   z: log(p)
      |      ^^^^^^
   first at node z = log(p)
   because  p = -10.14 in row 1 of 4 (x = 1)
   help: try log(clip(p, min=1e-9)); train.clip: 1.0; a smaller lr
         graphrun grad mix.yaml --checkpoint outputs/mix --row 1 shows every value
"""


def test_the_first_value_that_is_not_finite_is_told_and_the_folder_is_written(capsys):
    assert main(["train", "mix.yaml"]) == 3
    said = capsys.readouterr()
    assert said.err.startswith(TOLD)
    files = "report.html  ledger.md  ledger.json  graph.svg  history.csv\n     health.csv  params.safetensors  spec.yaml"
    assert said.out.endswith(f"outputs/mix/   {files}\n")
    assert "steps in" not in said.out
    found = json.loads(Path("outputs/mix/run.json").read_text(encoding="utf-8"))
    assert (found["steps"], found["loss"], found["failed"]) == (1, "nan", "step 1: the loss became nan")
    assert len(Path("outputs/mix/history.csv").read_text(encoding="utf-8").splitlines()) == 2
    assert "step 1: the loss became nan" in Path("outputs/mix/report.html").read_text(encoding="utf-8")


def test_what_it_proposes_shows_the_value(capsys):
    main(["train", "mix.yaml", "--quiet"])
    capsys.readouterr()
    assert main(["grad", "mix.yaml", "--checkpoint", "outputs/mix", "--row", "1"]) == 0
    assert "-10.13" in capsys.readouterr().out


def test_as_json_it_is_one_document(capsys):
    assert main(["train", "mix.yaml", "--format", "json"]) == 3
    said = capsys.readouterr()
    assert said.err.startswith(TOLD)
    found = json.loads(said.out)
    assert list(found) == ["spec", "steps", "loss", "out", "failed", "errors", "warnings", "diagnostics"]
    assert (found["spec"], found["steps"], found["loss"], found["out"]) == ("mix", 1, "nan", "outputs/mix")
    failed = found["failed"]
    assert (failed["node"], failed["formula"], failed["because"], failed["inputs"]) == ("node z", "log(p)", {"p": "-10.14"}, {"x": "1"})
    assert (failed["row"], failed["rows"], failed["training_row"]) == (1, 4, 1)
    assert (found["diagnostics"][0]["code"], found["diagnostics"][0]["line"], found["diagnostics"][0]["column"]) == ("non-finite", 7, 6)


WARNED = "warning step-too-large: at step 0 the update moved w by 2.9 times its own size"


def test_warnings_are_a_part_of_what_is_shown(capsys):
    assert main(["train", "steep.yaml"]) == 0
    said = capsys.readouterr()
    shown = "warning step-too-large: at step 0 the update moved w by 2.9 times its own size,\n   and the loss on its rows went from "
    assert said.out.count(shown) == 1
    assert said.out.index("steps in") < said.out.index(shown) < said.out.index("outputs/steep/")
    assert max(map(len, said.out.splitlines())) <= 80
    assert said.err == ""


@pytest.mark.parametrize("flag", [["--quiet"], ["--format", "json"]])
def test_where_nothing_is_shown_they_go_to_the_standard_error(capsys, flag):
    assert main(["train", "steep.yaml", *flag]) == 0
    said = capsys.readouterr()
    assert said.err.startswith(WARNED)
    assert "warning" not in said.out
    assert json.loads(Path("outputs/steep/run.json").read_text(encoding="utf-8"))["warnings"] == ["step-too-large", "exploding-gradient"]


def test_quiet_and_json_say_no_more_than_before(capsys):
    assert main(["train", "steep.yaml", "--set", "train.optimizer=sgd(lr=0.001)", "--quiet"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["train", "steep.yaml", "--set", "train.optimizer=sgd(lr=0.001)", "--format", "json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["spec", "steps", "loss", "metrics", "params", "out"]
