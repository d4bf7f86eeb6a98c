"""Worksheets: what is asked for, the key, and the mistakes that marking names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from graphrun.errors import UsageError
from graphrun.ledger.ledger import Ledger
from graphrun.ledger.marking import Mark
from graphrun.ledger.worksheet import answers_text, blanks, sheet_text
from graphrun.model import load, loads
from graphrun.model.worksheets import marked, variant

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = Path(__file__).parent / "golden" / "worksheets"

FAN_OUT = """graphrun: 1
name: fan_out
inputs: {p: 3, q: 0.5}
params: {w: 2}
nodes:
  u: w * 1.5
  a: p * u
  b: q * u
  L: 0.2 * a - b + u^2
loss: L
"""


def _ledger(name: str, k: int = 0, seed: int = 1) -> Ledger:
    return variant(load(ROOT / "specs" / f"{name}.yaml"), k, seed)


def _right(ledger: Ledger) -> dict[str, dict[str, float | None]]:
    found: dict[str, dict[str, float | None]] = {}
    for blank in blanks(ledger):
        found.setdefault(blank.part, {})[blank.name] = blank.value
    return found


def _said(ledger: Ledger, **changed: float | None) -> dict[str, Mark]:
    """The marks where all answers are right but for some: `backward_u3=-2`."""
    answers = _right(ledger)
    for name, value in changed.items():
        part, _, of = name.partition("_")
        assert of in answers[part]
        answers[part][of] = value
    return {f"{m.blank.part}_{m.blank.name}": m for m in marked(ledger, answers)}


WRITE: Mapping[str, Any] = {
    "neuron.md": lambda: sheet_text(_ledger("neuron"), "neuron"),
    "neuron-key.md": lambda: sheet_text(_ledger("neuron"), "neuron: key", key=True),
    "neuron.yaml": lambda: answers_text(_ledger("neuron"), {"spec": "neuron"}),
    "ann-2.md": lambda: sheet_text(_ledger("ann", 2), "ann, sheet 2", note="The numbers are those of seed 1."),
    "ann-2-key.md": lambda: sheet_text(_ledger("ann", 2), "ann, sheet 2: key", note="The numbers are those of seed 1.", key=True),
    "larger-key.md": lambda: sheet_text(_ledger("larger"), "larger: key", key=True),
    "fan_out-key.md": lambda: sheet_text(loads(FAN_OUT).ledger(), "fan_out: key", key=True),
}


@pytest.mark.parametrize("name", WRITE)
def test_golden(name: str) -> None:
    text = WRITE[name]()
    if os.environ.get("GRAPHRUN_REGENERATE"):
        GOLDEN.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


def test_the_numbers_are_those_of_the_ledger() -> None:
    ledger = load(ROOT / "specs/ann.yaml").ledger()
    found = _right(ledger)
    assert found["forward"] == {line.name: float(line.value) for line in ledger.forward}
    assert found["backward"] == {line.name: float(line.value) for line in ledger.backward}
    assert ledger.facts.update is not None
    assert found["update"] == {name: float(new) for name, _, new in ledger.facts.update.parameters}
    assert found["backward"]["w5"] == 10


@pytest.mark.parametrize("name", ["neuron", "ann", "larger", "functions"])
def test_right_answers_are_right(name: str) -> None:
    ledger = _ledger(name, 3)
    marks = marked(ledger, _right(ledger))
    assert all(m.right for m in marks)
    rounded = {part: {n: float(f"{v:.3g}") for n, v in answers.items() if v is not None} for part, answers in _right(ledger).items()}
    assert all(m.right for m in marked(ledger, rounded))


def test_a_sheet_without_answers() -> None:
    marks = marked(_ledger("neuron"), {})
    assert {(m.answer, m.right, m.follows, m.mistake) for m in marks} == {(None, False, False, "")}


@pytest.mark.parametrize(
    ("name", "answer", "mistake"),
    [
        ("forward_u1", -5, "the sign is wrong"),
        ("forward_u1", 3, "the sign of w1 = 1 is wrong"),
        ("forward_u2", 3, "the sign of w3 = -1 is wrong"),
        ("forward_u1", 4, "the part with w1 = 1 is missing"),
        ("forward_L", 1, "the square is missing"),
        ("forward_L", 4, "it is 2 times what is right"),
        ("backward_u2", 6, "the sign is wrong"),
        ("backward_u2", 2, "the factor ∂u3/∂u2 = -3 is missing"),
        ("backward_u2", -3, "the factor ∂L/∂u3 = 2 is missing"),
        ("backward_u2", -1, "2 and -3 are added, and are to be multiplied"),
        ("backward_w5", 0.4, "it is divided by ∂u3/∂w5 = 5, and is to be multiplied"),
        ("backward_w4", -1.2, "it is what is right divided by 10"),
        ("backward_w4", 77, ""),
        ("update_w5", 2.2, "the step goes up the gradient: subtract it"),
        ("update_w5", -8, "the learning rate is missing"),
        ("update_w5", 12, "the learning rate is missing, and the step goes up the gradient"),
        ("update_w5", -0.2, "that is the step alone; it is to be taken from 2"),
        ("update_w5", 2, "nothing has moved"),
        ("update_w5", 77, ""),
    ],
)
def test_mistakes_are_named(name: str, answer: float, mistake: str) -> None:
    found = _said(_ledger("ann"), **{name: answer})[name]
    assert (found.right, found.follows, found.mistake) == (False, False, mistake)


@pytest.mark.parametrize(
    ("answer", "mistake"),
    [
        (6.6, "the path by way of b is missing: -0.5"),  # 0.2 · 3 + (-1) · 0.5 + 1 · 6
        (0.1, "the path by way of L is missing: 6"),
        (7.1, "the path by way of b has the wrong sign: it is -0.5"),
        (0.6, "only the path by way of a is there"),
        (-6.1, "the sign is wrong"),
    ],
)
def test_paths_are_named(answer: float, mistake: str) -> None:
    ledger = loads(FAN_OUT).ledger()
    assert {b.name: b.value for b in blanks(ledger) if b.part == "backward"}["u"] == pytest.approx(6.1)
    found = _said(ledger, backward_u=answer)
    assert found["backward_u"].mistake == mistake
    assert found["forward_u"].right


def test_what_follows_from_a_wrong_answer_is_told() -> None:
    """w1 · x1 + w2 · x2 = 3 in place of 5; from then on all is worked out rightly."""
    forward = {"forward_u1": 3, "forward_u3": 3, "forward_hat_y": 3, "forward_L": 2}
    found = _said(_ledger("ann"), **forward, backward_hat_y=-2, backward_u3=-2, backward_w5=-6)
    assert found["forward_u1"].mistake == "the sign of w1 = 1 is wrong"
    assert {name: m.mistake for name, m in found.items() if m.follows} == {
        "forward_u3": "right by your u1, which is wrong above",
        "forward_hat_y": "right by your u3, which is wrong above",
        "backward_hat_y": "right by your hat_y, which is wrong above",
        "backward_u3": "right by your ∂L/∂hat_y, which is wrong above",
        "backward_w5": "right by your ∂L/∂u3, which is wrong above",
    }
    assert found["forward_L"].right  # half of (3 - 5)²


def test_a_new_mistake_on_top_of_a_wrong_answer_is_named() -> None:
    found = _said(_ledger("ann"), backward_u3=3, backward_w5=-15, backward_u1=3, backward_w6=9)
    above = "; it builds on your ∂L/∂u3, which is wrong above"
    assert found["backward_w5"].mistake == f"the sign is wrong{above}"
    assert found["backward_u1"].mistake == f"the factor ∂u3/∂u1 = 2 is missing{above}"
    assert found["backward_w6"].mistake == ""


def test_an_update_by_a_wrong_gradient_follows() -> None:
    found = _said(_ledger("ann"), backward_w5=5, update_w5=1.9)
    assert (found["update_w5"].follows, found["update_w5"].mistake) == (True, "right by your ∂L/∂w5, which is wrong above")
    model = load(ROOT / "specs/ann.yaml", set=["train.optimizer=adam(lr=0.1)"])
    ledger = model.ledger()
    before = next(b.before for b in blanks(ledger) if b.part == "update" and b.name == "w5")
    adam = _said(ledger, backward_w5=5, update_w5=before - 0.05)["update_w5"]
    assert not adam.follows  # the step of adam is no multiple of the gradient


def test_variants_differ_and_the_same_seed_gives_the_same() -> None:
    model = load(ROOT / "specs/ann.yaml")
    texts = [sheet_text(variant(model, k, 1), "ann") for k in range(1, 9)]
    assert len(set(texts)) == 8
    assert texts == [sheet_text(variant(load(ROOT / "specs/ann.yaml"), k, 1), "ann") for k in range(1, 9)]
    assert sheet_text(variant(model, 1, 2), "ann") not in texts


def test_variants_can_be_worked_out_by_hand() -> None:
    for name in ("ann", "larger", "neuron"):
        model = load(ROOT / "specs" / f"{name}.yaml")
        for k in range(1, 6):
            ledger = variant(model, k, 7)
            values = [b.value for b in blanks(ledger)]
            assert max(map(abs, values)) <= 100
            assert 0 not in values
            assert not ledger.facts.kinks
            assert all(float(leaf.value).is_integer() for leaf in (*ledger.inputs, *ledger.parameters))


def test_what_is_given_by_hand_stays() -> None:
    model = load(ROOT / "specs/ann.yaml")
    given = {x.name: float(x.value) for k in (1, 2) for x in variant(model, k, 0, at={"x1": 7, "w6": 0.5}).inputs if x.name == "x1"}
    assert given == {"x1": 7}


def test_arrays_are_refused() -> None:
    for text, mend in ((None, "--row 1"), ("xor", "specs/ann.yaml")):
        model = load(ROOT / "specs" / f"{text or 'ann'}.yaml")
        with pytest.raises(UsageError) as caught:
            variant(model, 0, 0, row="all" if text is None else None)
        (found,) = caught.value.diagnostics
        assert found.code == "no-worksheet"
        assert mend in (found.help or "")


def test_no_numbers_are_found() -> None:
    model = loads("graphrun: 1\ninputs: {x: 1}\nparams: {w: 1}\nnodes: {L: 1e6 + w * x}\nloss: L\n")
    with pytest.raises(UsageError, match="no numbers were found for sheet 1"):
        variant(model, 1, 0)


def test_what_could_mean_something_to_markdown_is_escaped() -> None:
    model = loads("graphrun: 1\nabout: 'a *bold* claim <b>'\ninputs: {x: 1}\nparams: {w: 1}\nnodes: {L: w * x}\nloss: L\n")
    assert "A \\*bold\\* claim \\<b>.\n" in sheet_text(model.ledger(), "a_b *c*")


def test_gradients_that_are_equal_are_told_apart() -> None:
    """∂J/∂a, ∂J/∂c and ∂J/∂b are one number; a mistake in one is none in the other."""
    found = _said(_ledger("neuron"), backward_a=3, backward_c=-3, backward_b=3, backward_w=6)
    assert found["backward_c"].mistake == "the sign is wrong; it builds on your ∂J/∂a, which is wrong above"
    assert (found["backward_b"].follows, found["backward_b"].mistake) == (True, "right by your ∂J/∂a, which is wrong above")
    assert (found["backward_w"].follows, found["backward_w"].mistake) == (True, "right by your ∂J/∂c, which is wrong above")


def test_what_is_not_answered_is_taken_to_follow() -> None:
    found = _said(_ledger("neuron"), backward_a=3, backward_c=None, backward_w=-6)
    assert (found["backward_w"].follows, found["backward_w"].mistake) == (True, "right by your ∂J/∂a, which is wrong above")
    assert found["backward_c"].answer is None
