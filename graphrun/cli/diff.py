"""`graphrun diff`: what changed between two specs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from graphrun.cli import made, printing
from graphrun.cli.options import QuietOption, SetOption, suffix
from graphrun.model.difference import PICTURES, WRITTEN, diff

__all__ = ["command"]


class Form(StrEnum):
    """What is printed."""

    text = "text"
    json = "json"
    markdown = "markdown"


class Direction(StrEnum):
    """Which way the forward pass goes."""

    LR = "LR"
    TB = "TB"


def command(
    context: typer.Context,
    before: Annotated[str, typer.Argument(metavar="A", help="A spec file, or REV:PATH, a file of a git revision.", show_default=False)],
    after: Annotated[str, typer.Argument(metavar="B", help="The spec that it is compared with.", show_default=False)],
    *,
    out: Annotated[
        str | None,
        typer.Option("-o", metavar="FILE", help="Write it: .md, .txt, .json; or a picture.", show_default=False),
    ] = None,
    direction: Annotated[
        Direction | None,
        typer.Option("--direction", help="Of the picture: LR or TB; else LR where that is not too wide.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Show all lines of long lists.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with status 1 where something changed.")] = False,
    set_: SetOption = None,
    format: Annotated[Form, typer.Option("--format", help="What to print; with json, one document and nothing else.")] = Form.text,
    quiet: QuietOption = False,
) -> None:
    """Show what changed between two specs, as a graph.

    Nodes, shapes, parameters and settings that were added, removed or changed; a node that only has another name is
    shown as renamed, and one that only follows from another change is told apart. The status is 0 whether or not
    something changed (--exit-code: 1 if it did), and 1 where a spec cannot be built.

    \b
    Examples:
      graphrun diff main:specs/ann.yaml specs/ann.yaml
      graphrun diff specs/neuron.yaml specs/larger.yaml -o changes.svg
      graphrun diff HEAD~1:./ann.yaml ann.yaml --format markdown
    """
    if out is not None:
        suffix("-o", out, [f".{f}" for f in (*WRITTEN, *PICTURES)])
    found = diff(before, after, set_ or [])
    if out is not None:
        found.write(out, direction.value if direction else None)
        made.keep(context, out)
    for fault in found.faults:
        printing.note(fault.to_text() + "\n")
    if format is Form.json:
        printing.say_json(found.to_json())
    elif out is None and (found or not quiet):
        printing.say(found.to_markdown() if format is Form.markdown else found.to_text(printing.width(), everything), end="")
    elif out is not None and not quiet:
        printing.say(f"wrote {out}")
    if found.faults or (exit_code and found):
        raise typer.Exit(1)
