"""All of training in one picture: the forward pass, the gradients, and each parameter's update, from the graph that training steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrun.build.update import Source, TrainingGraph, training_graph
from graphrun.diagram.text import pretty_name, short_number
from graphrun.diagram.training_view import Update, training_view
from graphrun.diagram.view import View
from graphrun.errors import Diagnostic, Reporter, UsageError
from graphrun.ir.formula import formula_text
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import PARAM
from graphrun.model.length import planned_steps

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["MOST_SINGLE", "training_graph_of", "training_overview", "updates_of"]

MOST_SINGLE = 8
"""Scalar parameters up to which each has an update of its own in the picture."""

LONGEST = 60


def training_graph_of(model: Model) -> TrainingGraph:
    """The training step of a model as it is built, before it is simplified. Raises UsageError where there is no loss, SpecError for a
    faulty optimizer."""
    built = model.built_for(True)
    if built.loss is None:
        what = "there is no loss, so there is nothing to train"
        raise UsageError(Diagnostic("no-loss", f"--view training: {what}", help="name the scalar node to be made small: `loss: J`"))
    reporter = Reporter()
    params = {n: p.node for n, p in built.params.items() if p.node is not None}
    states = {n: (s.leaf, s.new) for n, s in built.state.items() if s.node is not None}
    steps = planned_steps(model) or 1
    made = training_graph(built, Source(built.graph, built.loss, params, states, built.counter), steps, reporter, health=True)
    reporter.raise_errors()
    assert made is not None
    return made


def updates_of(model: Model, made: TrainingGraph, boxes: Mapping[str, str], numbers: Mapping[str, Any] | None) -> list[Update]:
    """The updates: for each parameter where they are few scalars, else one for all with the same rule. `boxes` gives for a parameter the
    box in which it is drawn; `numbers` the gradients by name, for the new values of scalars."""
    train = model.spec.model.train
    text = (train.optimizer if train else None) or "sgd(lr=0.01)"
    moving = {slot: leaf for slot, leaf, new, init in made.slots if new is not None and init is None and _moves(made, slot)}
    single = len(moving) <= MOST_SINGLE and all(made.layout.get(n) is not None and not made.graph.shape(leaf) for n, leaf in moving.items())
    news = {slot: new for slot, _, new, _ in made.slots if new is not None}
    if single:
        return [_of_one(made, name, leaf, news[name], boxes[name], text, numbers) for name, leaf in moving.items() if name in boxes]
    of_slot: dict[str, list[str]] = {}
    for name, at in made.layout.items():
        if at.slot in moving:
            of_slot.setdefault(at.slot, []).append(name)
    changes = tuple(dict.fromkeys(boxes[n] for names in of_slot.values() for n in names if n in boxes))
    count = sum(int(np.prod(made.layout[n].shape, dtype=np.int64)) for names in of_slot.values() for n in names)
    states = sorted({slot.rpartition("/")[2] for slot, _, _, init in made.slots if init is not None and "/" in slot})
    notes = [f"{count:,} parameters" if count != 1 else "1 parameter"]
    notes += [f"keeps {', '.join(states)}"] if states else []
    slot = next(iter(moving), "")
    formula = _formula(made, slot, moving[slot], news[slot]) if slot else ""
    name, _, arguments = text.partition("(")
    notes = [*([arguments.removesuffix(")")] if arguments.removesuffix(")") else []), *notes]
    shown = formula if len(formula) <= LONGEST else ""
    return [Update("update", name.strip(), changes, shown, tooltip=f"{text}\n{formula}", notes=tuple(notes))]


def _moves(made: TrainingGraph, slot: str) -> bool:
    return slot in made.gradients


def _of_one(made: TrainingGraph, name: str, leaf: int, new: int, box: str, text: str, numbers: Mapping[str, Any] | None) -> Update:
    formula = _formula(made, name, leaf, new)
    value = ""
    shown = formula if len(formula) <= LONGEST else text
    if numbers is not None:
        found = numbers.get(name)
        value = "" if found is None else short_number(float(found))
    return Update(f"{name}/update", f"{pretty_name(name)} ←", (box,), shown, value, tooltip=f"{name} ← {formula}\n{text}")


def _formula(made: TrainingGraph, name: str, leaf: int, new: int) -> str:
    """The new value over the parameter, its gradient, the optimizer's state and the number of the step."""
    graph, gradient = made.graph, made.gradients[name]
    packed = name.startswith("packed#")
    norm = made.gradient_norm

    def stop(i: int) -> bool:
        return i in (gradient, norm, made.counter) or graph.op(i) is PARAM

    def text(i: int) -> str:
        if i == gradient:
            return "∂" if packed else f"∂{_loss(graph, made)}/∂{name}"
        if i == norm:
            return "|∇|"
        if i == leaf:
            return "w" if packed else name
        return graph.name(i).rpartition("/")[2]

    return formula_text(graph, new, text, stop)


def _loss(graph: Graph, made: TrainingGraph) -> str:
    return graph.name(made.loss)


def training_overview(model: Model, forward: View, new_values: Mapping[str, Any] | None) -> View:
    """The view `forward` of the model's graph with backward and update."""
    made = training_graph_of(model)
    built = model.built
    boxes = _boxes_of(model, forward)
    loss = built.graph.name(built.loss) if built.loss is not None else ""
    updates = updates_of(model, made, boxes, new_values)
    view = training_view(forward, updates, loss)
    if built.one_row and model.spec.model.data is not None:
        said = "one row is drawn; an update takes the mean of its rows' gradients"
        view = replace(view, caption=f"{view.caption}\n{said}" if view.caption else said)
    return view


def _boxes_of(model: Model, view: View) -> dict[str, str]:
    """Parameter → the id of the box in which it is."""
    known = {box.id.partition(" (")[0]: box.id for box in view.boxes if box.kind != "optimizer"}
    known |= {box.id.partition(" (")[0]: box.id for box in view.boxes if " (" in box.id}
    out: dict[str, str] = {}
    for name, p in model.built.params.items():
        if p.node is None:
            continue
        i = model.built.graph.name(p.node)
        found = known.get(i) or next((known[around] for around in _prefixes(i) if around in known), "")
        found = found or next((box.id for box in view.boxes if box.stacked and _in_stack(box.id, i)), "")
        if found:
            out[name] = found
    return out


def _prefixes(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:k]) for k in range(len(parts) - 1, 0, -1)]


def _in_stack(id: str, name: str) -> bool:
    """Whether a parameter is in the box of neighbouring copies `h.0 … h.7`."""
    first, dots, last = id.partition(" … ")
    if not dots:
        return False
    low, high = first.rpartition("."), last.rpartition(".")
    rest = name.removeprefix(low[0] + ".")
    number = rest.partition(".")[0]
    return (
        low[0] == high[0]
        and rest != name
        and number.isdigit()
        and low[2].isdigit()
        and high[2].isdigit()
        and int(low[2]) <= int(number) <= int(high[2])
    )
