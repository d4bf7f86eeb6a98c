"""`graphrun check` and `graphrun eval`: whole outputs, JSON, exit status."""

from __future__ import annotations

import json
import re
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


def blurred(text: str) -> str:
    """How well gradients agree is rounding, which may differ from machine to machine."""
    return re.sub(r"(within|differences to) [0-9.e-]+", r"\1 ~", text)


def test_check_tells_every_gradient(capsys: Any) -> None:
    assert blurred(said(capsys, "check", "small.yaml")) == """\
small   small.yaml
  rows 1 to 2 of 2, at the initial parameters

J = 0.141774
  ∂J/∂x   input       4 numbers   within ~
  ∂J/∂y   input       2 numbers   within ~
  ∂J/∂w   parameter   2 numbers   within ~
  ∂J/∂b   parameter   1 number    within ~
  these gradients and those of 5 steps agree with central differences to ~
"""
    assert said(capsys, "check", "small.yaml", "--quiet") == ""


KINKS = """graphrun: 1
name: kinks
inputs: {x: {shape: [4], default: [1, 0, -1, 2]}}
params:
  w: {shape: [4], init: 1}
  a_rather_long_name_of_the_parameter_of_a_layer: {shape: [30, 40], init: normal()}
  n: 0
nodes:
  h: relu(x * w)
  J: sum(h) + mean(tanh(a_rather_long_name_of_the_parameter_of_a_layer)^2) + sqrt(n)
loss: J
"""


def test_check_tells_what_it_leaves_out_in_80_columns(capsys: Any) -> None:
    Path("kinks.yaml").write_text(KINKS)
    out = blurred(said(capsys, "check", "kinks.yaml"))
    assert out == """\
kinks   kinks.yaml
  at the initial parameters of seed 0 and default inputs

J = 3.3731
  ∂J/∂x   input       4 numbers                   within ~, 1 at a kink
  ∂J/∂w   parameter   4 numbers                   within ~
  ∂J/∂a_rather_long_name_of_the_parameter_of_a_layer
          parameter   1,200 numbers, 124 singly   within ~
  ∂J/∂n   parameter   1 number                    1 unclear
  these gradients and those of 8 steps agree with central differences to ~
  at a kink there is no one derivative: nothing is said of those entries unless
  one slope is outside of both sides
  unclear: rounding, or a value that is not finite nearby, hides all but the
  first digits of the differences
"""
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("spec", "last"),
    [
        ("inputs: {n: {dtype: int64, default: 3}}\nnodes: {J: n * 2.0}", "or state: there are no gradients to\n  compare\n"),
        ("params: {n: 0}\nnodes: {J: sqrt(n)}", "  first digits of the differences\n"),
    ],
)  # fmt: skip
def test_check_where_there_is_nothing_to_compare(capsys: Any, spec: str, last: str) -> None:
    Path("few.yaml").write_text(f"graphrun: 1\n{spec}\nloss: J\n")
    out = said(capsys, "check", "few.yaml")
    assert out.endswith(last)
    assert "agree" not in out


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
    out = blurred(said(capsys, "check", "small.yaml", status=1))
    assert out == """\
small   small.yaml
  rows 1 to 2 of 2, at the initial parameters

J = 0.141774
  ∂J/∂x   input       4 numbers   WRONG, off by 0.001
  ∂J/∂y   input       2 numbers   within ~
  ∂J/∂w   parameter   2 numbers   WRONG, off by 0.001
  ∂J/∂b   parameter   1 number    WRONG, off by 0.001

  wrong     backward pass   central difference
  x[0, 1]   0.0991878947    0.0990888059
  w[1]      -0.449827938    -0.44937856
  b         -0.0530763594   -0.0530233361
  and of 5 steps 2 wrong

  first wrong behind h = tanh(h#2) (line 8): the backward rule of `tanh`
"""
    assert blurred(said(capsys, "check", "small.yaml", "--quiet", status=1)) == out.partition("\n\n")[2]
    document = json.loads(said(capsys, "check", "small.yaml", "--format", "json", status=1))
    assert not document["ok"]
    found = {entry["name"]: entry for entry in document["checked"]}
    assert found["w"]["off"] == pytest.approx(1e-3, rel=1e-2)


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
