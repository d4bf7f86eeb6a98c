"""A view beside the ledger (paths, one entry, one derivative at a time) as a self-contained page, in the report's own style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphrun.ledger.html.page import FOLDER, asset, content_policy
from graphrun.ledger.layout import value_text

if TYPE_CHECKING:
    from graphrun.ledger.views import Equation, View

__all__ = ["view_html"]


def view_html(view: View) -> str:
    """The page: a card for each block, its equations with their equal signs one below the other. Nothing runs in it."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = asset("style.css") + asset("view.css")
    blocks = [
        {
            "title": block.title,
            "heading": block.heading,
            "marked": any(e.mark for e in block.rows),
            "rows": [_row(e) for e in block.rows],
            "notes": block.notes,
        }
        for block in view.blocks
    ]
    facts = view.facts
    return environment.get_template("view.html.j2").render(
        policy=content_policy(style, []),
        style=style,
        name=facts.spec,
        about=" ".join(facts.about.split()),
        where=[text for text in (facts.row, facts.where) if text],
        blocks=blocks,
    )


def _row(e: Equation) -> dict[str, Any]:
    text, written = value_text(e.value) if e.value is not None else ("", False)
    return {"mark": e.mark, "name": e.name, "parts": e.parts, "value": text, "equal": written}
