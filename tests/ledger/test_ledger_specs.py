"""The ledgers of the specs that ship, against the numbers of the reference texts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import graphrun as gr
from graphrun.ledger.json import json_text

SPECS = Path(__file__).parents[2] / "specs"
GOLDEN = Path(__file__).parent / "golden" / "specs"
FORMS: dict[str, Callable[[Any], str]] = {
    "txt": lambda ledger: ledger.to_text(),
    "md": lambda ledger: ledger.to_markdown(),
    "tex": lambda ledger: ledger.to_tex(),
    "json": lambda ledger: json_text(ledger.to_json()),
}
VIEWS: dict[str, Callable[[Any], Any]] = {
    "paths": lambda model: model.paths("x1"),
    "forward": lambda model: model.forward_mode(),
    "entry": lambda model: model.entry("u1"),
}


def _ledger(name: str, set: dict[str, Any] | None = None, **options: Any) -> Any:
    return gr.load(str(SPECS / f"{name}.yaml"), set=set or {}).ledger(**options)


def _flat(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("name", "options", "loss", "gradients"),
    [
        ("neuron", {}, 2, {"d": 2, "a": 2, "c": 2, "b": 2, "w": -4}),
        ("larger", {}, 2, {"w1": 6, "b1": 6, "w2": 4, "b2": 2}),
        ("ann", {}, 2, {"hat_y": 2, "u3": 2, "u1": 4, "u2": -6, "w1": 4, "w2": 8, "w3": -6, "w4": -12, "w5": 10, "w6": 2}),
    ],
)
def test_gradients(name: str, options: dict[str, Any], loss: float, gradients: dict[str, float]) -> None:
    document = _ledger(name, **options).to_json()
    assert document["loss"]["value"] == loss
    assert {key: document["gradients"][key] for key in gradients} == pytest.approx(gradients)


def test_neuron_as_the_reference_text_has_it() -> None:
    text = _flat(_ledger("neuron").to_text())
    for line in (
        "c = w · x = 2 · (-2) = -4",
        "a = c + b = -4 + 8 = 4",
        "d = a - y = 4 - 2 = 2",
        "J = ½ · d² = ½ · 2² = 2",
        "∂J/∂d = d = 2",
        "∂J/∂a = ∂J/∂d · ∂d/∂a = 2 · 1 = 2",
        "∂J/∂c = ∂J/∂a · ∂a/∂c = 2 · 1 = 2",
        "∂J/∂b = ∂J/∂a · ∂a/∂b = 2 · 1 = 2",
        "∂J/∂w = ∂J/∂c · ∂c/∂w = 2 · x = 2 · (-2) = -4",
        "raise w by 0.001 and J changes by -0.003998",
        "raise b by 0.001 and J changes by +0.0020005",
        "sgd(lr=0.1) w 2 → 2.4 b 8 → 7.8 J 2 → 0.5",
        "backward visits 4 nodes + 2 parameters = 6 steps; one derivative at a time would take 4 × 2 = 8",
    ):
        assert line in text


def test_the_net_as_the_reference_text_has_it() -> None:
    text = _flat(_ledger("ann", {"train.optimizer": "sgd(lr=0.01)"}).to_text())
    for line in (
        "row 1 of 8: x1 = 1, x2 = 2, y = 5",
        "∂L/∂hat_y = hat_y - y = 7 - 5 = 2",
        "∂L/∂u3 = ∂L/∂hat_y · ∂hat_y/∂u3 = 2 · 1 = 2",
        "∂L/∂w5 = ∂L/∂u3 · ∂u3/∂w5 = 2 · u1 = 2 · 5 = 10",
        "w1 1 → 0.96 w2 2 → 1.92",
        "w5 2 → 1.9 w6 -3 → -3.02 L 2 → 0.018818",
    ):
        assert line in text


def test_any_derivative_of_any_node() -> None:
    document = _ledger("ann", of="u3", wrt=["w5", "u2"]).to_json()
    assert document["loss"] == {"name": "u3", "value": 7}
    assert document["gradients"] == {"w5": 5, "u2": -3}


@pytest.mark.parametrize("name", ["neuron", "ann", "larger", "xor", "iris"])
def test_every_spec_reads_in_eighty_columns(name: str) -> None:
    ledger = _ledger(name)
    for expand in (False, True):
        assert [line for line in _ledger(name, expand=expand).to_text().splitlines() if len(line) > 80] == []
    assert ledger.to_text(ascii=True).isascii()
    assert ledger.to_markdown().startswith(f"# {name}")


def _golden(path: Path, text: str) -> None:
    if os.environ.get("GRAPHRUN_REGENERATE"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["neuron", "ann", "larger"])
def test_golden_forms_of_small_specs(name: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS.parent)
    _golden(GOLDEN / f"{name}.{form}", FORMS[form](gr.load(f"specs/{name}.yaml").ledger()))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("view", VIEWS)
def test_golden_forms_of_views(view: str, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS.parent)
    _golden(GOLDEN / f"ann_{view}.{form}", FORMS[form](VIEWS[view](gr.load("specs/ann.yaml"))))


def test_the_steps_of_the_reference_texts_in_order() -> None:
    """∂J/∂J, ∂J/∂d, ∂J/∂a, ∂J/∂c, ∂J/∂b, ∂J/∂w: right to left, each once it is known."""
    lines = {line.symbol: (line.parts, float(line.value)) for line in _ledger("neuron").backward}
    assert list(lines.items()) == [
        ("∂J/∂J", ((), 1)),
        ("∂J/∂d", (("d",), 2)),
        ("∂J/∂a", (("∂J/∂d · ∂d/∂a", "2 · 1"), 2)),
        ("∂J/∂c", (("∂J/∂a · ∂a/∂c", "2 · 1"), 2)),
        ("∂J/∂b", (("∂J/∂a · ∂a/∂b", "2 · 1"), 2)),
        ("∂J/∂w", (("∂J/∂c · ∂c/∂w", "2 · x", "2 · (-2)"), -4)),
    ]


@pytest.mark.parametrize("form", ["txt", "md", "tex", "json"])
def test_every_form_marks_the_passes(form: str) -> None:
    text = FORMS[form](_ledger("ann"))
    marks = {"tex": r"\bwd{\frac{\partial L}{\partial u_{3}}} \cdot \fwd{", "json": '"pass": "backward"}'}
    mark = marks.get(form, "backward pass · forward pass")
    assert mark in text
    arrays = FORMS[form](_ledger("iris"))
    assert {"tex": r"\bwd{", "json": '"pass": "forward"}'}.get(form, "∂J/∂…: backward pass, the rest: forward pass") in arrays
