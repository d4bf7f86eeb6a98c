"""Entries of `expect` that cannot be computed, that need a loss, and that begin where `train.from` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.model import run_expectations

SPEC = """\
graphrun: 1
inputs: {x: 1, y: 2}
params: {w: 1}
state: {seen: {init: 0, update: seen + 1}}
nodes: {p: w * x, J: (p - y)^2}
loss: J
DATA
train: {optimizer: sgd(lr=0.1), steps: 3, from: began.safetensors}
expect:
  - ENTRY
"""


def found(folder: Path, entry: str, data: str) -> dict[str, float]:
    from safetensors.numpy import save_file

    save_file({"w": np.array(5.0), "seen": np.array(7.0)}, folder / "began.safetensors")
    model = gr.loads(SPEC.replace("DATA", data).replace("ENTRY", entry), base=folder)
    return {r.name: float(r.found) for r in run_expectations(model)}


@pytest.mark.parametrize("data", ["", "data: {rows: [[1, 2]], columns: [x, y]}"])
@pytest.mark.parametrize(
    ("entry", "w", "seen"),
    [
        ("{after_steps: 1, values: {w: 0, seen: 0}}", 4.4, 8),
        ("{after_steps: 1, inputs: {x: 1, y: 2}, values: {w: 0, seen: 0}}", 4.4, 8),
        ("{after_steps: 1, params: {w: 1}, values: {w: 0, seen: 0}}", 1.2, 8),
        ("{after_steps: 0, values: {w: 0, seen: 0}}", 5, 7),
        ("{values: {w: 0, seen: 0}}", 1, 0),
    ],
)
def test_updates_begin_where_training_begins_and_the_entry_s_params_come_first(
    entry: str, w: float, seen: int, data: str, tmp_path: Path
) -> None:
    assert found(tmp_path, entry, data) == pytest.approx({"w": w, "seen": seen}, rel=1e-14)


def test_a_checkpoint_that_is_asked_for_comes_before_from(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    found(tmp_path, "{values: {w: 1}}", "")
    save_file({"w": np.array(100.0), "seen": np.array(70.0)}, tmp_path / "asked.safetensors")
    model = gr.loads(SPEC.replace("DATA", "").replace("ENTRY", "{values: {w: 1}}"), base=tmp_path)
    model.load_params(tmp_path / "asked.safetensors")
    model.train(steps=1)
    assert (model.params["w"], model.state["seen"]) == (pytest.approx(80.4), 71)


BARE = "graphrun: 1\ninputs: {x: {shape: [2]}}\nparams: {w: 1}\nnodes: {y: w * sum(x)}\nloss: y\nexpect:\n"
UNCOMPUTED: dict[str, Any] = {
    "  - values: {y: 3}\n": "7:5 entry 1 of `expect` cannot be computed: nothing feeds the input `x`",
    "  - {inputs: {x: [1, 2]}, values: {y: 3}}\n  - inputs: {x: [1, 2, 3]}\n    values: {y: 3}\n": (
        "8:5 entry 2 of `expect` cannot be computed: the value fed to `x` has shape [3]"
    ),
    "  - inputs: {x: [1, 2]}\n    params: {w: [1, 2]}\n    values: {y: 3}\n": (
        "7:5 entry 1 of `expect` cannot be computed: the value given for `w` does not fit its shape []"
    ),
}


@pytest.mark.parametrize("entries", UNCOMPUTED)
def test_an_entry_that_cannot_be_computed_is_a_fault_of_the_spec_with_its_place(entries: str) -> None:
    with pytest.raises(gr.SpecError) as caught:
        run_expectations(gr.loads(BARE + entries))
    (told,) = caught.value.diagnostics
    assert told.place is not None
    assert (told.code, caught.value.exit_status) == ("bad-expectation", 1)
    assert f"{told.place.line}:{told.place.column} {told.message}".startswith(UNCOMPUTED[entries])


def test_what_needs_a_loss_is_told_where_there_is_none() -> None:
    text = "graphrun: 1\nparams: {w: 1}\nnodes: {y: w}\nexpect:\n  - gradients: {w: 1}\n  - after_steps: 2\n    metrics: {loss: 1}\n"
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(text)
    assert [(d.code, d.message, d.place and d.place.line) for d in caught.value.diagnostics] == [
        ("no-loss", "`gradients` in `expect` needs a `loss`", 5),
        ("no-loss", "`after_steps` in `expect` needs a `loss`", 6),
        ("no-loss", "`loss` in `expect` needs a `loss`", 7),
    ]


def test_a_parameter_of_the_graph_for_training_alone() -> None:
    model = gr.loads(
        "graphrun: 1\ninputs: {x: {shape: [batch, 2], default: [[1, 2]]}}\n"
        "functions:\n  scaled(x): {params: {scale: {shape: [], init: 2}}, returns: x * scale}\n"
        "nodes:\n  h: scaled(x) if training else x\n  J: mean(h^2)\nloss: J\ntrain: {steps: 2}\n"
        "expect:\n"
        "  - {values: {h.scale: 2, J: 2.5}, gradients: {h.scale: 0}, shapes: {h.scale: []}, parameters: 1}\n"
        "  - {after_steps: 1, values: {h.scale: 1.9}}\n"
    )
    assert [(r.kind, r.name, r.ok) for r in run_expectations(model)] == [
        ("parameters", "parameters", True), ("shapes", "h.scale", True), ("gradients", "h.scale", True),
        ("values", "h.scale", True), ("values", "J", True), ("values", "h.scale", True),
    ]  # fmt: skip
    assert (model.run()["h.scale"], model.grad()["h.scale"]) == (2, 0)
