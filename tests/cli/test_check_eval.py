"""`graphrun check` and `graphrun eval`: whole outputs, JSON, exit status."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphrun.cli.main import main
from graphrun.ops.registry import OPS

ROOT = Path(__file__).resolve().parents[2]

SPEC = """graphrun: 1
name: small
inputs: {x: {shape: [batch, 2]}, y: {shape: [batch]}}
params:
  w: [0.5, -0.25]
  b: 0.1
nodes:
  h: tanh(x @ w + b)
  J: mean((h - y)^2)
loss: J
metrics: {off: mean(abs(h - y))}
data:
  rows: [[[1, 2], 0.5], [[0, 1], -0.5], [[2, -1], 0.25], [[1, 1], 0]]
  columns: [x, y]
  split: {train: 2, valid: 1, test: 1}
train: {steps: 3, optimizer: sgd(lr=0.1)}
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SPEC)


def said(capsys: Any, *argv: str, status: int = 0) -> str:
    assert main(list(argv)) == status
    captured = capsys.readouterr()
    return captured.out if status < 2 else captured.err  # type: ignore[no-any-return]


def test_check_tells_every_gradient(capsys: Any) -> None:
    out = said(capsys, "check", str(ROOT / "specs/neuron.yaml"))
    lines = [line.partition("within")[0].rstrip() for line in out.splitlines()]
    assert lines[1:7] == [
        "",
        "J = 2",
        "  ∂J/∂x   input       1 number",
        "  ∂J/∂y   input       1 number",
        "  ∂J/∂w   parameter   1 number",
        "  ∂J/∂b   parameter   1 number",
    ]
    assert lines[7].startswith("  these gradients and those of 4 steps agree with central differences to ")
    assert said(capsys, "check", str(ROOT / "specs/neuron.yaml"), "--quiet").strip() == ""


def test_check_as_json(capsys: Any) -> None:
    document = json.loads(said(capsys, "check", "small.yaml", "--format", "json"))
    assert (document["spec"], document["ok"]) == ("small", True)
    found = {entry["name"]: entry for entry in document["checked"]}
    assert found["w"]["entries"] == found["w"]["compared"] == 2
    assert all(entry["ok"] and entry["off"] < 1e-6 for entry in document["checked"])


def test_check_names_the_rule_that_is_wrong(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tanh = OPS["tanh"]

    def wrong(b: Any, node: Any, g: int) -> Any:
        return tanh.vjp(b, node, OPS["mul"](b, g, b.const(1.001, b.dtype(g))))  # type: ignore[misc]

    monkeypatch.setitem(OPS, "tanh", replace(tanh, vjp=wrong))
    out = said(capsys, "check", "small.yaml", status=1)
    assert "  first wrong behind h = tanh(h#2) (line 8): the backward rule of `tanh`" in out.splitlines()
    line = next(line for line in out.splitlines() if "∂J/∂b" in line)
    assert "WRONG: b is " in line


def test_check_takes_both_graphs_where_training_makes_a_difference(capsys: Any) -> None:
    Path("drop.yaml").write_text(SPEC.replace("tanh(x @ w + b)", "dropout(tanh(x @ w + b), 0.5)"))
    out = said(capsys, "check", "drop.yaml")
    assert "J = " in out
    assert ", in training" in out
    assert "∂J/∂step" not in out


def test_eval_measures_a_split(capsys: Any) -> None:
    assert main(["train", "small.yaml", "--out", "run", "--quiet"]) == 0
    capsys.readouterr()
    model = json.loads(said(capsys, "eval", "small.yaml", "--checkpoint", "run", "--format", "json"))
    assert (model["spec"], model["split"], model["rows"]) == ("small", "test", 1)
    told = said(capsys, "eval", "small.yaml", "--checkpoint", "run", "--split", "train").splitlines()
    assert told[0] == "small   over 2 train rows, with the parameters of run"
    assert [line.split()[0] for line in told[1:]] == ["loss", "off"]
    manifest = json.loads(Path("run/run.json").read_text())
    assert json.loads(said(capsys, "eval", "small.yaml", "--checkpoint", "run", "--split", "train", "--format", "json"))["loss"] == (
        pytest.approx(manifest["loss"], rel=1e-15)
    )


def test_eval_takes_the_averages_of_a_run(capsys: Any) -> None:
    Path("small.yaml").write_text(SPEC.replace("steps: 3", "ema: 0.5, steps: 3"))
    assert main(["train", "small.yaml", "--out", "run", "--quiet"]) == 0
    capsys.readouterr()
    manifest = json.loads(Path("run/run.json").read_text())
    found = json.loads(said(capsys, "eval", "small.yaml", "--checkpoint", "run", "--split", "train", "--format", "json"))
    assert found["loss"] == pytest.approx(manifest["loss"], rel=1e-15)
    only = json.loads(said(capsys, "eval", "small.yaml", "--checkpoint", "run/params.safetensors", "--split", "train", "--format", "json"))
    assert only["loss"] != found["loss"]


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (["eval", "small.yaml", "--split", "tets"], 2, "there are no rows called `tets`; did you mean `test`?"),
        (["eval", "small.yaml", "--checkpoint", "nowhere"], 3, "there is no file or run folder nowhere"),
        (["check", "small.yaml", "--of", "h"], 2, "`h` has shape [batch]; derivatives are taken of one number"),
        (["check", "small.yaml", "--row", "9"], 2, "there is no row 9"),
    ],
)
def test_faults(capsys: Any, argv: list[str], status: int, message: str) -> None:
    assert message in said(capsys, *argv, status=status)
