"""`check` on every spec that is shipped: all gradients agree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import graphrun as gr

ROOT = Path(__file__).resolve().parents[2]
UNFED = {"recurrent.yaml", "deep.yaml"}  # pictures of the gallery, which name no data


def specs() -> list[Any]:
    """Each shipped spec; the models, which are larger, for `make conformance`."""
    found = sorted([*(ROOT / "specs").rglob("*.yaml"), *(ROOT / "graphrun/templates").glob("*.yaml")])
    slow = [pytest.mark.slow]
    return [pytest.param(p, id=p.stem, marks=slow if p.parent.name == "models" else []) for p in found if p.name not in UNFED]


@pytest.mark.parametrize("path", specs())
def test_all_gradients_agree(path: Path) -> None:
    model = gr.load(path)
    if model.built.loss is None:
        pytest.skip("it has no loss")
    for training in (False, True):
        c = model.check(training=training)
        assert c.ok, c.worst
        assert c.checked
