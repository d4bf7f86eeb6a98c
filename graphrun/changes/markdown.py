"""The difference as Markdown, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable

from graphrun.changes.facts import Difference
from graphrun.changes.told import Section, sections, totals

__all__ = ["to_markdown"]

MOST = 200
_WORDS = {"+": "added", "-": "removed", "~": "changed", ".": "follows"}
_SIGNS = {"+": "+", "-": "−", "~": "~", ".": "·"}


def to_markdown(difference: Difference, diagram: str = "") -> str:
    """The whole difference; `diagram` is a Mermaid text that is shown before the tables."""
    a, b = (code(name) for name in difference.names)
    if difference.empty:
        return f"{a} and {b}: the same nodes, shapes, parameters and settings.\n"
    lines = [f"### {a} → {b}", ""]
    found = totals(difference.totals)
    if found:
        lines += [f"**{found}**", ""]
    for name, faults in zip((a, b), difference.faults, strict=True):
        if faults:
            lines += [f"{name} cannot be built: shapes, parameters of layers and cost are not compared.", ""]
    if diagram:
        lines += ["```mermaid", diagram.rstrip("\n"), "```", ""]
    for section in sections(difference):
        lines += [*_table(section), ""]
    return "\n".join(lines[:-1]) + "\n"


def _table(section: Section) -> Iterable[str]:
    facts = any(line.facts for line in section.lines)
    yield f"| | {section.title} |" + (" |" if facts else "")
    yield "|---|---|" + ("---|" if facts else "")
    for line in section.lines[:MOST]:
        row = f"| {_SIGNS[line.sign]} {_WORDS[line.sign]} | {code(line.text)} |"
        yield row + (f" {' '.join(code(part) for part in line.facts.split('   '))} |" if facts and line.facts else " |" if facts else "")
    if len(section.lines) > MOST:
        yield f"| | … and {len(section.lines) - MOST:,} more |" + (" |" if facts else "")


def code(text: str) -> str:
    """`text` as code that stays in its cell whatever it holds."""
    text = " ".join(text.split()).replace("|", "\\|")
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""
