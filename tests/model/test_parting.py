"""A failing expectation is shown with the step of the ledger where it parts from what is computed."""

import json
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest

from graphrun.cli.main import main
from graphrun.model import loads, parting, run_expectations

SPEC = """\
graphrun: 1
inputs: {x: -2, y: 2}
params: {w: 2, b: 8}
nodes:
  c: w * x
  a: c + b
  d: a - y
  J: 1/2 * d^2
loss: J
train: {optimizer: sgd(lr=0.1), steps: 3}
expect:
"""
ARRAYS = """\
graphrun: 1
inputs: {x: [1, 2]}
params: {W: [[1, 2], [3, 4]]}
nodes:
  z: x @ W
  far: z + 1
  J: sum(relu(z - 8)^2)
loss: J
expect:
"""


def _steps(text):
    return {(r.kind, r.name): r.step for r in run_expectations(loads(text)) if r.step is not None}


@pytest.mark.parametrize(
    ("entry", "first"),
    [
        ("values: {J: 3, d: 1, c: 4, a: 4}", {("values", "c"): "c = w · x = 2 · (-2) = -4"}),
        ("values: {J: 3}", {("values", "J"): "J = ½ · d² = ½ · 2² = 2"}),
        ("values: {w: 3, c: 0}", {("values", "w"): "w = 2, as it is given"}),
        ("{values: {w: 2}, after_steps: 2}", {("values", "w"): "w = 2.6, after 2 updates"}),
        ("gradients: {w: 4, c: 1, a: 2}", {("gradients", "c"): "∂J/∂c = ∂J/∂a · ∂a/∂c = 2 · 1 = 2"}),
        ("{inputs: {x: 3}, gradients: {w: 4}}", {("gradients", "w"): "∂J/∂w = ∂J/∂c · ∂c/∂w = 12 · x = 12 · 3 = 36"}),
        ("{gradients: {w: 4}, values: {a: 5}}", {("values", "a"): "a = c + b = -4 + 8 = 4"}),
        ("values: {c: -4, J: 2}", {}),
        ("{parameters: 7, shapes: {c: [2]}}", {}),
    ],
)
def test_what_parts_first_is_told_once(entry, first):
    assert _steps(f"{SPEC}  - {entry}\n") == first


@pytest.mark.parametrize(
    ("entry", "first"),
    [
        ("values: {z: [7, 11]}", {("values", "z"): "z = x · W = [7, 10]"}),
        ("gradients: {W: [[0, 4], [0, 9]]}", {("gradients", "W"): "∂J/∂W = x ⊗ ∂J/∂z = [[0, 4], [0, 8]]"}),
        ("values: {J#1: [1, 2]}", {("values", "J#1"): "J#1 = z - 8 = [-1, 2]"}),
        ("values: {far: [0, 0]}", {}),  # an array that the loss does not depend on has no line
    ],
)
def test_arrays(entry, first):
    entry = f"values:\n      {entry[9:-1]}" if "#" in entry else entry
    assert _steps(f"{ARRAYS}  - {entry}\n") == first


def test_a_run_that_passes_makes_no_ledger(monkeypatch):
    made = []
    monkeypatch.setattr(parting, "make_ledger", lambda *args, **_: made.append(args))
    assert all(r.ok for r in run_expectations(loads(f"{SPEC}  - values: {{c: -4}}\n    gradients: {{w: -4}}\n")))
    assert not made


def test_it_is_shown_in_every_form(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(f"{SPEC}  - values: {{a: 5, c: -5}}\n", encoding="utf-8")
    assert main(["test", "s.yaml"]) == 1
    assert capsys.readouterr().out.splitlines()[:4] == [
        "s.yaml   0 passed, 2 failed",
        "  line 12: values a: expected 5, found 4, off by 1",
        "  line 12: values c: expected -5, found -4, off by 1",
        "    first here: c = w · x = 2 · (-2) = -4",
    ]
    assert main(["test", "s.yaml", "--format", "json"]) == 1
    results = json.loads(capsys.readouterr().out)["results"]
    assert [r["step"] for r in results] == [None, "c = w · x = 2 · (-2) = -4"]
    assert main(["test", "s.yaml", "--format", "junit"]) == 1
    failures = [f.text for f in Xml.fromstring(capsys.readouterr().out).iter("failure")]
    assert failures[1].splitlines()[1].strip() == "first here: c = w · x = 2 · (-2) = -4"


def test_the_worst_element_of_an_array_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(f"{ARRAYS}  - gradients: {{W: [[0, 4], [0, 9]]}}\n", encoding="utf-8")
    assert main(["test", "s.yaml"]) == 1
    line = capsys.readouterr().out.splitlines()[1]
    assert line.endswith("found [[0, 4], [0, 8]], off by 1 at [1, 1]: 9 expected, 8 found")


def test_a_long_step_is_broken_at_its_equals_signs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    terms = " + ".join(f"first{k} * second{k}" for k in range(4))
    names = ", ".join(f"first{k}: {k}, second{k}: {k + 1}" for k in range(4))
    text = f"graphrun: 1\nparams: {{{names}}}\nnodes: {{J: {terms}}}\nloss: J\nexpect:\n  - values: {{J: 1}}\n"
    Path("s.yaml").write_text(text, encoding="utf-8")
    assert main(["test", "s.yaml"]) == 1
    lines = capsys.readouterr().out.splitlines()[2:5]
    assert lines[0] == "    first here: J"
    assert all(line.startswith("                = ") for line in lines[1:])
