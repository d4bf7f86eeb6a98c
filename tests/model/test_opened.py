"""Graphs opened to single numbers: paths, entries, and one derivative at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.errors import UsageError

SPECS = Path(__file__).parents[2] / "specs"

NET = """
graphrun: 1
name: net
inputs:
  x: {shape: [3, 2], default: [[1, -2], [0.5, 3], [-1, 0.25]]}
  k: {shape: [3], dtype: int64, default: [0, 1, 1]}
params:
  W: {shape: [2, 4], init: "normal(0, 1)"}
  b: {shape: [4], init: [0.1, -0.2, 0.3, 0.4]}
  s: 0.7
nodes:
  z: x @ W + b
  h: relu(z) * s + tanh(z)
  m: softmax(h)
  g: m[k]
  J: sum(g * g) + mean(max(h, axis=1)) + logsumexp(m * s)
loss: J
"""


@pytest.fixture(scope="module")
def net() -> gr.Model:
    return gr.loads(NET)


def _model(name: str) -> gr.Model:
    return gr.load(SPECS / f"{name}.yaml")


@pytest.mark.parametrize("name", ["neuron", "ann", "larger", "functions", "xor"])
def test_the_sum_over_all_paths_is_the_gradient(name: str) -> None:
    model = _model(name)
    if model.built.loss is None:
        pytest.skip("no loss")
    row = 1 if model.spec.model.data is not None else None
    g = model.grad(row=row)
    scalars = [n for n, v in model.params.items() if np.ndim(v) == 0]
    for param in scalars:
        for expand in (False, True):
            view = model.paths(param, row=row, expand=expand)
            assert view.document["sum"] == pytest.approx(float(g[param]), abs=1e-14)
            if len(view.document["shown"]) == view.document["paths"]:
                assert sum(p["product"] for p in view.document["shown"]) == pytest.approx(view.document["sum"], abs=1e-14)


@pytest.mark.parametrize("entry", ["W[0, 1]", "W[-1,3]", "b[2]", "s", "z[0, 1]", "x[2, 0]", "m[1, 2]"])
def test_an_entry_is_the_entry_of_the_gradient(net: gr.Model, entry: str) -> None:
    name, _, index = entry.partition("[")
    g = net.grad(wrt=[name])[name]
    at = tuple(int(k) for k in index.removesuffix("]").split(",")) if index else ()
    view = net.entry(entry)
    assert view.document["gradient"] == pytest.approx(float(g[at]), rel=1e-12, abs=1e-15)
    assert net.paths(entry).document["sum"] == pytest.approx(float(g[at]), rel=1e-12, abs=1e-15)
    for number in view.document["numbers"]:
        assert sum(t["product"] for t in number["terms"]) == pytest.approx(number["gradient"], abs=1e-15)
        for t in number["terms"]:
            assert t["product"] == pytest.approx(t["upstream"]["value"] * t["local"]["value"])
    assert max(map(len, view.to_text().splitlines())) <= 80


def test_an_entry_of_a_weight_in_symbols_and_numbers() -> None:
    text = " ".join(_model("iris").entry("h.weight[2, 1]", row=1).to_text().split())
    assert "∂J/∂h.weight[2, 1] = ∂J/∂h.z[0, 1] · ∂h.z[0, 1]/∂h.weight[2, 1] = -0.370174 · x[0, 2]" in text
    assert "= -0.370174 · x[0, 2] = -0.370174 · (-1.37351) = 0.508439" in text
    assert "∂J/∂h.z[0, 1] = ∂J/∂h[0, 1] · ∂h[0, 1]/∂h.z[0, 1] = -0.37236 · (1 - h[0, 1]²)" in text


def test_paths_of_the_net() -> None:
    view = _model("ann").paths("x1", row=1)
    assert view.document["paths"] == 2
    assert [p["nodes"] for p in view.document["shown"]] == [["x1", "u2", "u3", "hat_y", "L"], ["x1", "u1", "u3", "hat_y", "L"]]
    text = view.to_text()
    assert "= ∂L/∂hat_y · ∂hat_y/∂u3 · ∂u3/∂u2 · ∂u2/∂x1   = 2 · 1 · (-3) · (-1)   = 6" in text
    assert "∂L/∂x1 = 6 + 4   = 10" in text
    assert "| = 6 |" in view.to_markdown()


def test_too_many_paths_are_counted() -> None:
    steps = "\n".join(f"  h{k + 1}: tanh(a{k} + b{k})\n  a{k}: h{k} * 0.9\n  b{k}: h{k} * 0.4" for k in range(200))
    text = f"graphrun: 1\nname: ladder\nparams: {{w: 0.3}}\nnodes:\n  h0: w * 1.5\n{steps}\n  J: h200^2\nloss: J\n"
    model = gr.loads(text)
    view = model.paths("w")
    assert view.document["paths"] == 2**200
    assert len(view.document["shown"]) == 10
    assert view.document["sum"] == pytest.approx(float(model.grad()["w"]), rel=1e-9)
    shown = view.to_text()
    assert "about 10^60 paths; the 10 with the largest products" in shown
    assert "… 591 more … →" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    ("name", "options"),
    [("neuron", {}), ("ann", {}), ("larger", {}), ("xor", {"row": 2}), ("iris", {"row": 1}), ("iris", {}), ("ann", {"row": "all"})],
)
def test_one_derivative_at_a_time_adds_up(name: str, options: dict[str, Any]) -> None:
    model = _model(name)
    view = model.forward_mode(**options)
    ledger = model.ledger(**options).to_json()
    work = view.document["work"]
    assert {k: v for k, v in work.items() if k != "shown_sweeps"} == ledger["work"]
    sweeps = view.document["sweeps"]
    assert all(s["new"] + s["again"] + s["idle"] == s["steps"] == work["nodes"] for s in sweeps)
    if len(sweeps) == work["parameters"]:
        assert sum(s["steps"] for s in sweeps) == work["per_parameter_steps"]
    for sweep in sweeps:
        param, _, index = sweep["parameter"].partition("[")
        value = np.asarray(ledger["gradients"][param])
        at = tuple(int(k) for k in index.removesuffix("]").split(",")) if index else ()
        assert sweep["derivative"] == pytest.approx(float(value[at]), rel=1e-12, abs=1e-15)


def test_what_is_done_again_is_marked() -> None:
    view = _model("ann").forward_mode()
    lines = [" ".join(line.split()) for line in view.to_text().splitlines()]
    assert "∂u3/∂w1 = ∂u3/∂u1 · ∂u1/∂w1 = 2 · 1 = 2" in lines
    assert "again ∂u3/∂w2 = ∂u3/∂u1 · ∂u1/∂w2 = 2 · 2 = 4" in lines
    assert "idle ∂u2/∂w1 = 0" in lines
    counts = [(s["new"], s["again"], s["idle"]) for s in view.document["sweeps"]]
    assert counts == [(4, 0, 1), (1, 3, 1), (2, 2, 1), (1, 3, 1), (1, 2, 2), (1, 2, 2)]
    assert "again" in view.to_markdown()
    assert r"\again{" in view.to_tex()


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("nothing", "--paths: there is no value called `nothing`"),
        ("W", '`W` has shape [2×4]; name one entry of it, such as "W[0, 0]"'),
        ("W[2, 0]", "`W` has shape [2×4]"),
        ("W[0]", "`W` has shape [2×4]"),
        ("s[0]", "`s` is a single number and has no entries"),
        ("k[0]", "`k` is int64 and has no derivatives"),
    ],
)
def test_what_cannot_be_followed(net: gr.Model, start: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        net.paths(start)
    assert message in str(caught.value)


def test_a_value_that_the_end_does_not_depend_on() -> None:
    with pytest.raises(UsageError, match="`u1` does not depend on `u2`"):
        _model("ann").paths("u2", of="u1", row=1)
