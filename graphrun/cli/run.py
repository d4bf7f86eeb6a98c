"""`graphrun run`: the forward pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphrun.cli import files, printing
from graphrun.cli.options import (
    AtOption,
    CheckpointOption,
    FeedOption,
    Format,
    FormatOption,
    QuietOption,
    RowOption,
    SetOption,
    SpecArgument,
    TrainingOption,
    assignments,
    row,
)
from graphrun.cli.values import table
from graphrun.ir.types import Shape
from graphrun.ledger.json import json_value
from graphrun.model import load

__all__ = ["command"]


def command(
    spec: SpecArgument,
    *,
    feed: FeedOption = None,
    at: AtOption = None,
    row_: RowOption = None,
    checkpoint: CheckpointOption = None,
    training: TrainingOption = False,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Compute the outputs of a spec, forward only.

    What is fed: what `--feed` gives, else the data (the first training row; for a graph with `batch`, the first
    rows), else the defaults of the inputs. The outputs are those of `outputs:`, or every node that no other uses.

    \b
    Examples:
      graphrun run specs/neuron.yaml
      graphrun run specs/neuron.yaml --feed x=3 --at w=0.5
      graphrun run specs/ann.yaml --row 4
      graphrun run specs/ann.yaml --checkpoint outputs/ann
    """
    model = load(files.spec(spec), set=set_ or [])
    if checkpoint is not None:
        model.load_params(checkpoint)
    given = assignments("--at", at)
    feeds = {**assignments("--feed", feed), **{name: value for name, value in given.items() if name in model.built.inputs}}
    params = {name: value for name, value in given.items() if name not in model.built.inputs}
    values = model.run(params=params, row=row(row_), training=training, feeds=feeds)
    fed = model.feeds(feeds, row(row_), training)
    outputs = {name: values[name] for name in model.built.outputs}
    if fed.all_rows:
        outputs = {name: _mean(value, model.built.graph.shape(model.built.outputs[name])) for name, value in outputs.items()}
    if format is Format.json:
        printing.say_json({"spec": model.name, "outputs": {name: json_value(value) for name, value in outputs.items()}})
        return
    if not quiet:
        about = " ".join((model.spec.model.about or "").split())
        printing.say(f"{model.name}: {about}" if about else model.name)
        if fed.row is not None:
            printing.say(fed.row)
        told = fed.row is not None and model.built.one_row  # the row's text names its values
        inputs = {} if told else {name: values[name] for name in model.built.inputs if name in values}
        if inputs:
            printing.say("\n".join(["", "inputs", *table(inputs)]))
        printing.say("\noutputs")
    printing.say("\n".join(table(outputs)))


def _mean(value: Any, shape: Shape) -> Any:
    """The mean over the rows, where a value of this shape for one row has them as axis 0."""
    return np.mean(value, axis=0) if np.ndim(value) > len(shape) else value
