"""`graphrun diff` on the command line: forms, files, exit status."""

import json
import shutil
from pathlib import Path

import pytest

from graphrun.cli.main import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("neuron", "larger"):
        shutil.copy(ROOT / "specs" / f"{name}.yaml", tmp_path)
    text = (tmp_path / "neuron.yaml").read_text(encoding="utf-8")
    (tmp_path / "bent.yaml").write_text(text.replace("a: c + b", "a: tanh(c + b)").replace("lr=0.1", "lr=0.2"), encoding="utf-8")


@pytest.fixture
def call(capsys):
    def run(*argv, status=0):
        assert main(["diff", *argv]) == status
        return capsys.readouterr()

    return run


TEXT = """\
neuron.yaml → bent.yaml                                             2 parameters

GRAPH
  ~ a: c + b → tanh(c + b)

TRAIN
  ~ sgd lr   0.1 → 0.2

COST
  ~ primitive steps forward   5 → 6 (+1)
  ~ multiply-adds forward     5 → 6
  ~ memory of all values      40 B → 48 B

~ changed
"""


def test_text(call):
    assert call("neuron.yaml", "bent.yaml").out == TEXT


def test_status_is_that_of_git(call):
    call("neuron.yaml", "bent.yaml", "--exit-code", status=1)
    call("neuron.yaml", "neuron.yaml", "--exit-code", status=0)
    call("neuron.yaml", "bent.yaml", status=0)


def test_nothing_changed(call):
    assert call("neuron.yaml", "neuron.yaml").out == "neuron.yaml and neuron.yaml: the same nodes, shapes, parameters and settings\n"
    assert call("neuron.yaml", "neuron.yaml", "--quiet").out == ""


def test_json_is_one_document(call):
    found = json.loads(call("neuron.yaml", "bent.yaml", "--format", "json").out)
    assert (found["before"], found["after"], found["same"]) == ("neuron.yaml", "bent.yaml", False)
    assert [e["after"]["name"] for e in found["entries"]] == ["a"]
    assert found["settings"] == [{"section": "train", "key": "sgd lr", "before": "0.1", "after": "0.2"}]


def test_markdown(call):
    out = call("neuron.yaml", "bent.yaml", "--format", "markdown").out
    assert out.startswith("### `neuron.yaml` → `bent.yaml`\n")
    assert "```mermaid\ngraph " in out
    assert "| ~ changed | `a: c + b → tanh(c + b)` |" in out


@pytest.mark.parametrize("suffix", ["md", "txt", "json", "dot", "mmd", "tex", "svg", "png"])
def test_files(call, suffix, tmp_path):
    assert call("neuron.yaml", "larger.yaml", "-o", f"x.{suffix}").out == f"wrote x.{suffix}\n"
    assert (tmp_path / f"x.{suffix}").stat().st_size > 200


def test_settings_go_to_both(call):
    assert "2 → 4 parameters" in call("neuron.yaml", "larger.yaml", "--set", "train.steps=7").out
    assert "steps" not in call("neuron.yaml", "larger.yaml", "--set", "train.steps=7").out.partition("TRAIN")[2].partition("\n\n")[0]


def test_a_spec_with_faults_is_status_1(call, tmp_path):
    text = (tmp_path / "neuron.yaml").read_text(encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text(text.replace("a: c + b", "a: c + bb"), encoding="utf-8")
    found = call("neuron.yaml", "wrong.yaml", status=1)
    assert "error unknown-name" in found.err
    assert "wrong.yaml cannot be built" in found.out
    assert "a takes bb in place of b" in found.out
    assert json.loads(call("neuron.yaml", "wrong.yaml", "--format", "json", status=1).out)["faults"]["after"][0]["code"] == "unknown-name"


def test_what_is_not_there_is_status_2(call):
    assert "did you mean `neuron.yaml`?" in call("neurn.yaml", "larger.yaml", status=2).err
    assert "-o: cannot tell the format" in call("neuron.yaml", "larger.yaml", "-o", "x.gif", status=2).err
    call("neuron.yaml", status=2)
