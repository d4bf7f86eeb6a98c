"""`graphrun schema`: the JSON Schema of specs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from graphrun.cli import files, printing
from graphrun.spec.schema import json_schema

__all__ = ["command"]

LEDGER = Path(__file__).parents[1] / "ledger" / "schema.json"


def command(
    out: Annotated[str | None, typer.Option("-o", metavar="FILE", help="Write it there.", show_default=False)] = None,
    ledger: Annotated[bool, typer.Option("--ledger", help="That of the ledger which `graphrun grad --format json` prints.")] = False,
) -> None:
    """Print the JSON Schema of specs, for editors.

    An editor that knows it completes keys and underlines unknown ones while you type.

    \b
    Examples:
      graphrun schema -o graphrun.schema.json
      graphrun schema --ledger
    and in the first line of a spec, for editors with the YAML language server:
      # yaml-language-server: $schema=graphrun.schema.json
    """
    schema = json.loads(LEDGER.read_text(encoding="utf-8")) if ledger else json_schema()
    if out is None:
        printing.say_json(schema)
    else:
        files.write_json(out, schema)
