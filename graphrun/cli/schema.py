"""`graphrun schema`: the JSON Schema of specs."""

from __future__ import annotations

from typing import Annotated

import typer

from graphrun.cli import files, printing
from graphrun.spec.schema import json_schema

__all__ = ["command"]


def command(
    out: Annotated[str | None, typer.Option("-o", metavar="FILE", help="Write it there.", show_default=False)] = None,
) -> None:
    """Print the JSON Schema of specs, for editors.

    An editor that knows it completes keys and underlines unknown ones while you type.

    \b
    Examples:
      graphrun schema -o graphrun.schema.json
    and in the first line of a spec, for editors with the YAML language server:
      # yaml-language-server: $schema=graphrun.schema.json
    """
    if out is None:
        printing.say_json(json_schema())
    else:
        files.write_json(out, json_schema())
