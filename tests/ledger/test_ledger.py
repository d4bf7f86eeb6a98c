"""The whole ledger: as text, Markdown and JSON, compared with what is meant to be seen."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ledger_cases import Net, ann, classes, dense, fan_out, larger, neuron

from graphrun.ledger.facts import Facts
from graphrun.ledger.ledger import Ledger, Trial, make_ledger
from graphrun.ledger.text import header_lines
from graphrun.ops.activation import SIGMOID
from graphrun.ops.arithmetic import ADD, DIV, MUL, NEG, POWER, SUB
from graphrun.ops.linalg import MATMUL
from graphrun.ops.shape import SLICE
from graphrun.ops.sums import MEAN, SUM

GOLDEN = Path(__file__).parent / "golden"
WRITE: dict[str, Callable[[], str]] = {
    "neuron.txt": lambda: make_ledger(neuron()).to_text(),
    "neuron_ascii.txt": lambda: make_ledger(neuron()).to_text(ascii=True),
    "neuron_expand.txt": lambda: make_ledger(neuron(), expand=True).to_text(),
    "neuron.md": lambda: make_ledger(neuron()).to_markdown(),
    "neuron.json": lambda: json.dumps(make_ledger(neuron()).to_json(), indent=2, ensure_ascii=False) + "\n",
    "ann.txt": lambda: make_ledger(ann()).to_text(),
    "ann.md": lambda: make_ledger(ann()).to_markdown(),
    "ann_wrt.txt": lambda: make_ledger(ann(wrt=("w5", "x1"))).to_text(),
    "larger.txt": lambda: make_ledger(larger()).to_text(),
    "fan_out.txt": lambda: make_ledger(fan_out()).to_text(),
    "dense.txt": lambda: make_ledger(dense()).to_text(),
    "dense_large.txt": lambda: make_ledger(dense(128, 64, 32)).to_text(),
    "dense.md": lambda: make_ledger(dense()).to_markdown(),
    "classes.txt": lambda: make_ledger(classes()).to_text(),
    "classes_ascii.txt": lambda: make_ledger(classes()).to_text(ascii=True),
    "neuron.tex": lambda: make_ledger(neuron()).to_tex(),
    "fan_out.tex": lambda: make_ledger(fan_out()).to_tex(),
    "dense.tex": lambda: make_ledger(dense()).to_tex(),
}


@pytest.mark.parametrize("name", WRITE)
def test_golden(name: str) -> None:
    text = WRITE[name]()
    if os.environ.get("GRAPHRUN_REGENERATE"):
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [name for name in WRITE if name.endswith(".txt")])
def test_fits_eighty_columns(name: str) -> None:
    long = [line for line in WRITE[name]().splitlines() if len(line) > 80]
    assert long == []


def test_ascii_is_ascii() -> None:
    for facts in (neuron(), ann(), dense(), classes(), fan_out()):
        assert make_ledger(facts).to_text(ascii=True).isascii()


def _backward(facts: Facts, **options: Any) -> dict[str, tuple[tuple[str, ...], float]]:
    return {line.symbol: (line.parts, float(line.value)) for line in make_ledger(facts, **options).backward}


def test_the_chain_rule_of_the_net_in_symbols_and_numbers() -> None:
    assert _backward(ann()) == {
        "∂L/∂L": ((), 1),
        "∂L/∂hat_y": (("hat_y - y", "7 - 5"), 2),
        "∂L/∂u3": (("∂L/∂hat_y · ∂hat_y/∂u3", "2 · 1"), 2),
        "∂L/∂w5": (("∂L/∂u3 · ∂u3/∂w5", "2 · u1", "2 · 5"), 10),
        "∂L/∂u1": (("∂L/∂u3 · ∂u3/∂u1", "2 · w5", "2 · 2"), 4),
        "∂L/∂w6": (("∂L/∂u3 · ∂u3/∂w6", "2 · u2", "2 · 1"), 2),
        "∂L/∂u2": (("∂L/∂u3 · ∂u3/∂u2", "2 · w6", "2 · (-3)"), -6),
        "∂L/∂w3": (("∂L/∂u2 · ∂u2/∂w3", "-6 · x1", "-6 · 1"), -6),
        "∂L/∂w4": (("∂L/∂u2 · ∂u2/∂w4", "-6 · x2", "-6 · 2"), -12),
        "∂L/∂w1": (("∂L/∂u1 · ∂u1/∂w1", "4 · x1", "4 · 1"), 4),
        "∂L/∂w2": (("∂L/∂u1 · ∂u1/∂w2", "4 · x2", "4 · 2"), 8),
    }


def test_paths_add_up_in_one_line() -> None:
    """u goes into a = 3u and b = 0.5u."""
    net = Net()
    u = net.param("u", 2)
    a = net.node("a", lambda b: MUL(b, net.num(3.0), u))
    c = net.node("b", lambda b: MUL(b, net.num(0.5), u))
    net.node("L", lambda b: SUB(b, MUL(b, net.num(0.2), a), c))
    text = " ".join(make_ledger(net.facts("L")).to_text().split())
    assert "∂L/∂u = ∂L/∂a · ∂a/∂u + ∂L/∂b · ∂b/∂u = 0.2 · 3 + (-1) · 0.5 = 0.1" in text


def test_what_goes_straight_into_the_end_is_its_own_derivative() -> None:
    net = Net()
    u = net.param("u", 3)
    v = net.node("v", lambda b: MUL(b, u, u))
    net.node("J", lambda b: MUL(b, u, v))
    assert _backward(net.facts("J")) == {
        "∂J/∂J": ((), 1),
        "∂J/∂v": (("u",), 3),
        "∂J/∂u": (("∂J/∂v · ∂v/∂u + v", "3 · 2 · u + v", "3 · 6 + 9"), 27),
    }


def test_every_gradient_is_the_sum_of_its_terms() -> None:
    net = Net()
    w, x = net.param("w", 0.7), net.input("x", -1.3)
    s = net.node("s", lambda b: SIGMOID(b, MUL(b, w, x)))
    t = net.node("t", lambda b: DIV(b, s, ADD(b, w, net.num(2.0))))
    v = net.node("v", lambda b: NEG(b, MUL(b, t, POWER(b, s, net.num(3)))))
    net.node("J", lambda b: ADD(b, MUL(b, v, v), MUL(b, s, w)))
    for expand in (False, True):
        lines = make_ledger(net.facts("J", wrt=("w", "x")), expand=expand).backward
        assert {line.name for line in lines} >= {"w", "x", "s", "t", "v"}
        for line in lines[1:]:
            total = sum(t.value * (1 if t.direct else t.upstream_gradient) for t in line.terms)
            assert total == pytest.approx(float(line.value), rel=1e-12)


@pytest.mark.parametrize(
    ("make", "name", "formulas"),
    [
        (lambda net, a, b: MUL(net.b, net.num(0.5), POWER(net.b, SUB(net.b, a, b), net.num(2))), "whole", {"a": "a - b", "b": "b - a"}),
        (lambda net, a, b: POWER(net.b, ADD(net.b, a, b), net.num(2)), "whole", {"a": "2 · (a + b)", "b": "2 · (a + b)"}),
        (lambda net, a, b: MUL(net.b, MUL(net.b, a, b), a), "whole", {"a": "2 · a · b", "b": "a²"}),
        (lambda net, a, b: DIV(net.b, ADD(net.b, a, b), net.num(3.0)), "whole", {"a": "1 / 3", "b": "1 / 3"}),
        (lambda net, a, b: DIV(net.b, MUL(net.b, a, a), net.num(3.0)), "whole", {"a": "2 · a / 3"}),
        (lambda net, a, b: SUB(net.b, MUL(net.b, a, a), MUL(net.b, a, b)), "whole", {"a": "2 · a - b", "b": "-a"}),
        (lambda net, a, b: ADD(net.b, NEG(net.b, MUL(net.b, a, a)), b), "whole", {"a": "-2 · a", "b": "1"}),
        (lambda net, a, b: POWER(net.b, ADD(net.b, a, b), net.num(4)), "steps", {"z#1": "4 · z#1³"}),
        (lambda net, a, b: DIV(net.b, net.num(3.0), ADD(net.b, a, b)), "steps", {"z#1": "-z / z#1"}),
        (lambda net, a, b: MUL(net.b, SIGMOID(net.b, a), b), "steps", {"z#1": "b", "b": "z#1"}),
    ],
)
def test_formulas_known_as_a_whole(make: Callable[..., int], name: str, formulas: dict[str, str]) -> None:
    net = Net()
    a, b = net.param("a", 2), net.param("b", 3)
    net.node("z", lambda _: make(net, a, b))
    ledger = make_ledger(net.facts("z"))
    assert len(ledger.forward) == 1 if name == "whole" else len(ledger.forward) > 1
    found = {line.name: line.terms[0].formula for line in ledger.backward[1:] if line.terms[0].direct}
    assert found == formulas
    for line in ledger.backward[1:]:
        assert sum(t.value * (1 if t.direct else t.upstream_gradient) for t in line.terms) == pytest.approx(float(line.value))


def test_an_inner_step_that_is_asked_for_is_shown() -> None:
    text = make_ledger(neuron_asked()).to_text()
    assert "∂J/∂J#1" in text
    assert "GRADIENT          ∂J/∂J#1 = 0.5" in text
    assert "∂J/∂d" not in text


def test_the_mean_over_rows_is_called_what_it_is() -> None:
    net = Net()
    w, x = net.param("w", 2), net.input("x", [1, 2, 3, 4])
    loss = net.node("L", lambda b: MUL(b, w, x))
    ledger = make_ledger(net.facts(MEAN(net.b, loss)))
    text = " ".join(ledger.to_text().split())
    assert "2 mean(L) = 5 " in text
    assert "∂mean(L)/∂w = sum(∂mean(L)/∂L ⊙ x) = 2.5 " in text
    assert ledger.to_json()["loss"] == {"name": "L", "value": 5.0}


def neuron_asked() -> Facts:
    net = Net("neuron")
    d = net.param("d", 2)
    net.node("J", lambda b: MUL(b, net.num(0.5), POWER(b, d, net.num(2))))
    return net.facts("J", wrt=("J#1",))


def test_only_what_the_end_depends_on() -> None:
    net = Net()
    w, x = net.param("w", 2), net.input("x", 3)
    net.param("unused", 1)
    z = net.node("z", lambda b: MUL(b, w, x))
    net.node("metric", lambda b: ADD(b, z, x))
    ledger = make_ledger(net.facts("z"))
    assert [line.name for line in ledger.forward] == ["z"]
    assert [line.name for line in ledger.parameters] == ["w"]
    assert [line.name for line in ledger.gradients] == ["w"]


def test_parts_of_an_array() -> None:
    net = Net()
    w = net.param("w", [1, 2, 3])
    first = net.node("first", lambda b: SLICE(b, w, index=((0, 1, 1),), squeeze=(0,)))
    rest = net.node("rest", lambda b: SUM(b, SLICE(b, w, index=((1, 3, 1),))))
    net.node("J", lambda b: MUL(b, first, rest))
    text = make_ledger(net.facts("J")).to_text()
    assert "first  = w[0]" in text
    assert "rest#1 = w[1:3]" in text
    assert "∂J/∂w      = ∂J/∂first at [0] + ∂J/∂rest#1 at [1:3]   = [5, 1, 1]" in text


def test_row_notes_many_terms_and_long_lists() -> None:
    net = Net("wide", about="many  uses\n of one weight")
    w = net.param("w", 2)
    others = [net.param(f"v{k}", 1) for k in range(30)]
    uses = [net.node(f"n{k}", lambda b, v=v: MUL(b, w, v)) for k, v in enumerate(others)]
    total = uses[0]
    for k, use in enumerate(uses[1:]):
        total = net.node(f"s{k}", lambda b, t=total, u=use: ADD(b, t, u))
    text = make_ledger(net.facts("s28", row="row 3 of 9")).to_text()
    assert text.startswith("wide: many uses of one weight   row 3 of 9\n")
    assert "(30 terms)" in text
    assert "… and 11 more, as written above" in text
    assert max(map(len, text.splitlines())) <= 80


def test_trials_of_elements_and_bad_agreement() -> None:
    trials = (Trial("W[0, 1]", 0.001, 0.00015, 0.1484),)
    text = make_ledger(dense_with(trials=trials, agreement=0.25)).to_text()
    assert "∂J/∂W[0, 1] = 0.1484" in text
    assert "raise W[0, 1] by 0.001 and J changes by +0.00015" in text
    assert "the worst is off from central differences by 0.2, relative" in text


def dense_with(**more: Any) -> Facts:
    net = Net("dense")
    x, weight = net.input("x", [[1.0, 2.0]]), net.param("W", [[1.0, -1.0], [0.5, 2.0]])
    z = net.node("z", lambda b: MATMUL(b, x, weight))
    net.node("J", lambda b: SUM(b, z))
    return net.facts("J", **more)


def test_json_has_the_documented_keys() -> None:
    document = make_ledger(neuron()).to_json()
    assert document["spec"] == "neuron"
    assert document["loss"] == {"name": "J", "value": 2.0}
    assert document["work"] == {"nodes": 4, "parameters": 2, "reverse_steps": 6, "per_parameter_steps": 8}
    assert {name: document["gradients"][name] for name in ("w", "b", "c", "a", "d")} == {"w": -4, "b": 2, "c": 2, "a": 2, "d": 2}
    assert [node["name"] for node in document["nodes"]] == ["c", "a", "d", "J#1", "J"]
    assert [node["line"] for node in document["nodes"]] == [9, 10, 11, 12, 12]
    first = document["nodes"][0]
    assert first["local"] == [{"input": "w", "formula": "x", "value": -2.0}, {"input": "x", "formula": "w", "value": 2.0}]
    assert {"name", "op", "inputs", "shape", "value", "gradient", "local", "line"} <= set(first)


def test_json_is_json_even_where_numbers_are_not_finite() -> None:
    net = Net()
    w = net.param("w", 0.0)
    net.node("J", lambda b: DIV(b, net.num(1.0), w))
    document = make_ledger(net.facts("J")).to_json()
    assert document["loss"]["value"] == "inf"
    assert document["gradients"]["w"] == "-inf"
    json.dumps(document, allow_nan=False)


def test_json_of_arrays() -> None:
    document = make_ledger(dense(3, 2, 2)).to_json()
    by_name = {node["name"]: node for node in document["nodes"]}
    assert by_name["z#1"]["local"] == [
        {"input": "x", "formula": "∂J/∂z#1 · Wᵀ", "value": None},
        {"input": "W", "formula": "xᵀ · ∂J/∂z#1", "value": None},
    ]
    h = by_name["h"]
    assert h["local"][0]["formula"] == "1 - h²"
    np.testing.assert_allclose(h["local"][0]["value"], 1 - np.array(h["value"]) ** 2)
    assert by_name["J"]["shape"] == []


def _chain(length: int) -> Facts:
    net = Net("chain")
    x, w = net.input("x", 1.0), net.param("w", 1.0)
    h = x
    for k in range(length):
        h = net.node(f"h{k}", (lambda b, h=h: MUL(b, w, h)) if k % 2 else (lambda b, h=h: ADD(b, h, x)))
    return net.facts(f"h{length - 1}")


def test_a_chain_of_ten_thousand_nodes() -> None:
    ledger: Ledger = make_ledger(_chain(10_000))
    text = ledger.to_text()
    assert len(ledger.forward) == 10_000
    assert len(ledger.backward) == 10_001
    assert "backward visits 10,000 nodes + 1 parameter = 10,001 steps" in text
    assert max(map(len, text.splitlines())) <= 80
    assert len(ledger.to_json()["nodes"]) == 10_000
    assert ledger.to_markdown().count("\n") > 20_000


def test_a_gradient_that_needs_two_lines_keeps_its_words() -> None:
    name = "blocks.first.attention.projection.bias"
    net = Net()
    b = net.param(name, [-0.00983114, 0.000656998, 0.011149932, -0.011185123])
    net.node("J", lambda _: MUL(_, net.num(0.5), SUM(_, MUL(_, b, b))))
    text = make_ledger(net.facts("J")).to_text()
    at = text.index("GRADIENT")
    assert text[at : text.index("WORK")] == (
        f"GRADIENT          ∂J/∂{name}\n                                      = [-0.009831, 0.000657, 0.01115, -0.01119]\n"
    )
    assert all(len(line) <= 85 for line in text[text.index("BACKWARD") :].splitlines())  # the name itself begins far to the right


def test_a_row_of_many_inputs_keeps_to_the_width():
    row = "row 1 of 6: x = [0.5, 0.25, 0.125, 0.0625, 0.03125, 0.015625, …], label = 2, weight = 1   (--row N for another)"
    lines = header_lines(replace(ann(), row=row), 80)
    assert max(map(len, lines)) <= 80
    assert " ".join(row.split()) in " ".join(lines)
