"""Where operations bend, and what a ledger says of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.ir.builder import Builder
from graphrun.ledger.kinks import BENT, bends
from graphrun.ops.registry import OPS


def test_every_operation_with_a_kink_is_known() -> None:
    known = {name for name, op in OPS.items() if op.kinks}
    assert known <= set(BENT) <= set(OPS)
    assert {name for name in BENT if OPS[name].vjp is not None} <= known


def test_what_decides_by_real_values_bends_too() -> None:
    b = Builder()
    x, y = b.input("x", (3,), "float64"), b.input("y", (3,), "float64")
    below = OPS["less"](b, x, y)
    both = OPS["logical_not"](b, below)
    place = OPS["argmax"](b, x, axis=0)
    chosen = OPS["where"](b, below, x, y)
    nodes = [x, y, below, both, place, chosen, OPS["relu"](b, chosen)]
    assert bends(b.graph, nodes) == [below, place, nodes[-1]]


@pytest.mark.parametrize(
    ("name", "operands", "attrs", "out", "sides"),
    [
        ("relu", [[-1.0, 0.0, 2.0]], {}, None, [-1, 0, 1]),
        ("relu6", [[-1.0, 0.0, 2.0, 6.0, 7.0]], {}, None, [-1, 0, 1, 0, 2]),
        ("clip", [[-1.0, 0.0, 3.0]], {"min": 0.0, "max": None}, None, [-1, 0, 1]),
        ("maximum", [[1.0, 2.0], [2.0, 2.0]], {}, None, [-1, 0]),
        ("max", [[[1.0, 2.0], [3.0, 3.0]]], {"axis": 1, "keepdims": False}, np.array([2.0, 3.0]), [[-1, 1], [0, 0]]),
        ("norm", [[0.0, 0.0]], {}, 0.0, 0),
        ("floor", [[0.5, 1.0, -0.5]], {}, None, [1, 0, -1]),
        ("atan2", [[1.0, 0.0, 0.0, -1.0], [-1.0, -1.0, 1.0, 0.0]], {}, None, [1, 0, 1, 1]),
        ("round", [[0.4, 0.5]], {}, None, [1, 0]),
        ("elu", [[-1.0, 0.0, 2.0]], {"alpha": 0.5}, None, [-1, 0, 1]),
        ("elu", [[-1.0, 0.0, 2.0]], {"alpha": 1.0}, None, [1, 1, 1]),
        ("norm", [[0.0, 2.0]], {"ord": 1.0}, 2.0, [0, 1]),
        ("norm", [[2.0, -2.0, 1.0]], {"ord": np.inf, "axis": None}, np.array(2.0), [0, 0, -1]),
    ],
)
def test_sides(name: str, operands: list[Any], attrs: dict[str, Any], out: Any, sides: Any) -> None:
    np.testing.assert_array_equal(BENT[name]([np.array(o) for o in operands], attrs, out), sides)


SPEC = """
graphrun: 1
name: bent
inputs: {x: 1}
params: {w: 0, v: 2}
nodes:
  h: relu(w * x)
  J: h + abs(v - 2) + v^2
loss: J
"""


def test_a_ledger_marks_kinks_in_every_form() -> None:
    ledger = gr.loads(SPEC).ledger()
    assert [(k.name, k.where) for k in ledger.facts.kinks] == [("h", "h#1 = 0"), ("J#2", "J#1 = 0")]
    text = ledger.to_text()
    assert "KINK h = relu(h#1) stands on a kink (h#1 = 0); derivative taken: 0" in " ".join(text.split())
    assert text.count("at a kink") == 2
    assert "stands on a kink" in ledger.to_markdown()
    assert "stands on a kink" in ledger.to_tex()
    document = ledger.to_json()
    assert [k["name"] for k in document["kinks"]] == ["h", "J#2"]
    assert [c["kink"] for c in document["checks"]] == [True, True]


def test_near_a_kink_the_difference_reaches_over_it() -> None:
    """At 0.0005 the derivative is that of the right side, and differences of 0.001 to both sides say something between."""
    ledger = gr.loads(SPEC.replace("w: 0", "w: 0.0005").replace("v: 2", "v: 5")).ledger()
    assert ledger.facts.kinks == ()
    checks = {c.label: c for c in ledger.facts.checks}
    assert (checks["w"].kink, checks["v"].kink) == (True, False)
    assert checks["v"].error < 1e-9
    assert ledger.facts.agreement == checks["v"].error
