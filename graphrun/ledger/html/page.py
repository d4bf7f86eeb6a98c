"""The report: one self-contained HTML page, on which the two passes can be seen, stepped through and checked.

The page asks nothing of any network, and a content security policy lets nothing run in it but the scripts written here. What a spec
says reaches it in two ways only: through Jinja2's autoescape, and as JSON in a script tag, of which the page's scripts write text alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphrun.ledger.html.data import page_data
from graphrun.ledger.json import json_value

if TYPE_CHECKING:
    from graphrun.ledger.ledger import Ledger

__all__ = ["FOLDER", "asset", "assets", "content_policy", "framed", "ledger_html", "script_json"]

FOLDER = Path(__file__).parent
SCRIPTS = (
    "base.js", "ops.js", "evaluate.js", "sentence.js", "places.js", "lines.js", "detail.js", "diagram.js", "table.js", "try.js",
    "stepper.js", "start.js",
)  # fmt: skip
MOST_LINES = 1000
"""A ledger of more lines is not also written out for a reader without scripts."""


def ledger_html(
    ledger: Ledger | Sequence[Ledger],
    *,
    diagram_svg: bytes | str | None = None,
    run: Mapping[str, Any] | None = None,
    spec_text: str | None = None,
) -> str:
    """The page. Of several ledgers (successive updates) the reader picks one.

    `diagram_svg` is graphrun's own picture, shown folded below the page's diagram; `spec_text` the spec as written; `run` the record of a
    training run, of plain values, which the templates and scripts in `run/` show.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    ledgers = list(ledger) if isinstance(ledger, Sequence) else [ledger]
    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    style = asset("style.css") + (assets("run", ".css") if run is not None else "")
    scripts = ["".join(asset(name) for name in SCRIPTS)]
    if run is not None:
        # in a scope of its own: it may use the helpers of base.js, and its names are its own
        scripts.append(f"(() => {{\n{assets('run', '.js')}\n}})();\n")
    data = [page_data(one, spec_text) for one in ledgers]
    return environment.get_template("page.html.j2").render(
        policy=content_policy(style, scripts),
        style=style,
        scripts=scripts,
        data=data[0],
        data_json=script_json(data),
        diagram=None if diagram_svg is None else _inline_svg(diagram_svg),
        text=ledgers[0].to_text() if len(ledgers[0].backward) <= MOST_LINES else "",
        run=run,
        run_json=None if run is None else script_json(run),
    )


def framed(page: str, height: int = 900) -> str:
    """A page as a frame that stands in another page and cannot reach out of itself."""
    return (
        f'<iframe srcdoc="{escape(page)}" sandbox="allow-scripts" title="graphrun ledger" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )


def script_json(value: Any) -> str:
    """`value` as JSON that can stand in a script tag: nothing in it ends the tag, opens a comment or breaks a line of JavaScript."""
    text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text.encode("utf-8", "backslashreplace").decode()


def _finite(value: Any) -> Any:
    """`value` with strings for the numbers that JSON has no word for."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return json_value(value) if isinstance(value, float) else value


@lru_cache(maxsize=64)
def asset(name: str) -> str:
    """A style sheet or script of this folder."""
    return (FOLDER / name).read_text(encoding="utf-8")


def assets(folder: str, ending: str) -> str:
    """All those of a folder in it with an ending, in alphabetical order, as one text."""
    return "".join(asset(f"{folder}/{path.name}") for path in sorted((FOLDER / folder).glob(f"*{ending}")))


def content_policy(style: str, scripts: Sequence[str]) -> str:
    """What the browser lets the page do: show these styles, run these scripts, and nothing else."""
    allowed = " ".join(_hash(script) for script in scripts)
    return f"default-src 'none'; script-src {allowed}; style-src {_hash(style)}; img-src data:; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _inline_svg(svg: bytes | str) -> str:
    """A picture by `graphrun.diagram` as it can stand in a page: without the head of the file and its own styles."""
    text = svg.decode() if isinstance(svg, bytes) else svg
    text = text[text.index("<svg") :]
    start, end = text.find("<style>"), text.find("</style>")
    return text if start < 0 else text[:start] + text[end + len("</style>") :]
