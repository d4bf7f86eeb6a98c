"""`graphrun new`: a commented spec to begin with."""

from __future__ import annotations

import os
from enum import StrEnum
from importlib.resources import files as resources
from pathlib import Path
from typing import Annotated

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import QuietOption
from graphrun.errors import Diagnostic, UsageError
from graphrun.spec.names import is_name, proposal

__all__ = ["Template", "command"]


class Template(StrEnum):
    """What a new spec begins with."""

    neuron = "neuron"
    ann = "ann"
    classifier = "classifier"
    regression = "regression"
    layer = "layer"
    optimizer = "optimizer"


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the spec, or the path of its file.", show_default=False)],
    *,
    template: Annotated[Template, typer.Option("--template", "-t", help="What to begin with.")] = Template.neuron,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Write a commented spec that can be trained at once.

    Templates: neuron (one neuron, by hand), ann (a 2-2-1 net, one row at a time), classifier (classes of strings),
    regression (a curve through points), layer (a layer of your own), optimizer (an optimizer of your own).

    \b
    Examples:
      graphrun new first
      graphrun new models/flowers.yaml --template classifier
    """
    path = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
    stem = Path(path).name.rsplit(".", 1)[0]
    if not is_name(stem):
        raise UsageError(Diagnostic("bad-name", f"`{stem}` is not a name", help=f"write `graphrun new {proposal(stem)}`"))
    if os.path.exists(path) and not force:
        raise UsageError(Diagnostic("usage", f"there is a file {path} already", help="take another name, or --force to write over it"))
    files.write_text(path, text_of(template, stem))
    if not quiet:
        printing.say(f"wrote {path}\n")
        for line in (f"graphrun train {path}", f"graphrun grad {path}", f"graphrun render {path}"):
            printing.say(f"  {line}")


def text_of(template: Template, name: str) -> str:
    """A template's text for a spec of the given name."""
    text = resources("graphrun").joinpath("templates", f"{template.value}.yaml").read_text(encoding="utf-8")
    return text.replace("name: NAME", f"name: {name}", 1)
