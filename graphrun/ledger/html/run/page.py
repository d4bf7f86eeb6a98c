"""The report of a run whose graph is too large for a ledger: the section of the run, on a page of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphrun.ledger.html.page import FOLDER, asset, assets, content_policy, script_json

__all__ = ["run_html"]


def run_html(record: Mapping[str, Any]) -> str:
    """The page."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = asset("style.css") + assets("run", ".css")
    scripts = [asset("base.js"), f"(() => {{\n{assets('run', '.js')}\n}})();\n"]
    return environment.get_template("run/page.html.j2").render(
        policy=content_policy(style, scripts), style=style, scripts=scripts, run=record, run_json=script_json(record)
    )
