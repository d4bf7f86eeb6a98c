"""`graphrun run`: the forward pass."""

from __future__ import annotations

from graphrun.cli import printing
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
    model = load(spec, set=set_ or [])
    if checkpoint is not None:
        model.load_params(checkpoint)
    given = assignments("--at", at)
    feeds = {**assignments("--feed", feed), **{name: value for name, value in given.items() if name in model.built.inputs}}
    params = {name: value for name, value in given.items() if name not in model.built.inputs}
    values = model.run(params=params, row=row(row_), training=training, feeds=feeds)
    outputs = {name: values[name] for name in model.built.outputs}
    if format is Format.json:
        printing.say_json({"spec": model.name, "outputs": {name: json_value(value) for name, value in outputs.items()}})
        return
    if not quiet:
        about = " ".join((model.spec.model.about or "").split())
        printing.say(f"{model.name}: {about}" if about else model.name)
        row_text = model.feeds(feeds, row(row_), training).row
        if row_text is not None:
            printing.say(row_text)
        inputs = {name: values[name] for name in model.built.inputs if name in values}
        if inputs:
            printing.say("\n".join(["", "inputs", *table(inputs), "", "outputs"]))
    printing.say("\n".join(table(outputs)))
