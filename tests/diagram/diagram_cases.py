"""Views for the tests: from the shipped specs and from specs written in place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import graphrun.model as gr
from graphrun.diagram.dot import to_dot
from graphrun.diagram.steps_view import steps_view
from graphrun.diagram.view import View
from graphrun.model.model import Model

__all__ = ["GOLDEN", "shipped", "to_dot", "view_of", "written"]

SPECS = Path(__file__).parents[2] / "specs"
GOLDEN = Path(__file__).parent / "golden"


def shipped(name: str) -> Model:
    return gr.load(SPECS / f"{name}.yaml")


def written(*, nodes: str, inputs: str = "{}", params: str = "{}", loss: str = "J", **sections: str) -> Model:
    more = "".join(f"{key}: {text}\n" for key, text in sections.items())
    return gr.loads(f"graphrun: 1\nname: case\ninputs: {inputs}\nparams: {params}\n{more}nodes:\n{nodes}\nloss: {loss}\n")


def view_of(model: Model, *, numbers: bool = True, **options: Any) -> View:
    built = model.built
    found: dict[str, Any] = {}
    if numbers:
        g = model.grad()
        found = {"values": g.values.by_node, "gradients": g.by_node}
    return steps_view(
        built.graph,
        ends=list(built.outputs.values()),
        loss=built.loss,
        inputs={n: i.node for n, i in built.inputs.items()},
        params={n: p.node for n, p in built.params.items() if p.node is not None},
        entries=built.nodes,
        title=built.spec.name,
        **found,
        **options,
    )
