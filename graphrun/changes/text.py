"""The difference for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from graphrun.changes.facts import Difference
from graphrun.changes.told import Line, Section, head, sections, totals

__all__ = ["to_text"]

MOST, FEW = 40, 16
"""Lines of a section, of the graph and of the spec's other keys, where not all are asked for."""

NAMES = 28  # up to which width facts stand in a column of their own


def to_text(difference: Difference, width: int = 80, everything: bool = False) -> str:
    """The whole difference, with a final newline."""
    if difference.empty:
        a, b = difference.names
        return f"{a} and {b}: the same nodes, shapes, parameters and settings\n"
    lines = [_head(difference, width)]
    for name, faults in zip(difference.names, difference.faults, strict=True):
        if faults:
            lines.append(f"{name} cannot be built: shapes, parameters of layers and cost are not compared")
    found = sections(difference)
    for section in found:
        lines += ["", section.title.upper(), *_section(section, width, everything)]
    lines += ["", _legend({line.sign for section in found for line in section.lines})]
    return "\n".join(lines) + "\n"


def _head(difference: Difference, width: int) -> str:
    left, right = head(difference), totals(difference.totals)
    gap = width - len(left) - len(right)
    return f"{left}{' ' * gap}{right}".rstrip() if gap >= 3 else f"{left}\n{right}".rstrip()


def _section(section: Section, width: int, everything: bool) -> Iterable[str]:
    most = MOST if section.title in ("graph", "parameters") else FEW
    shown = section.lines if everything or len(section.lines) <= most + 1 else section.lines[:most]
    column = max((len(line.text) for line in shown if line.facts and len(line.text) <= NAMES), default=0)
    for line in shown:
        yield from _line(line, column, width)
    if len(shown) < len(section.lines):
        yield f"    … and {len(section.lines) - len(shown):,} more (--all shows them)"


def _line(line: Line, column: int, width: int) -> Iterable[str]:
    lead = f"  {line.sign} {line.text}"
    if not line.facts:
        yield lead
    elif len(line.text) <= column and 4 + column + 3 + len(line.facts) <= width:
        yield f"  {line.sign} {line.text:<{column}}   {line.facts}"
    elif len(lead) + 3 + len(line.facts) <= width:
        yield f"{lead}   {line.facts}"
    else:
        yield lead
        before, arrow, after = line.facts.partition(" → ") if len(line.facts) + 6 > width else (line.facts, "", "")
        yield f"      {before}"
        if arrow:
            yield f"      → {after}"


def _legend(signs: set[str]) -> str:
    words = {"+": "+ added", "-": "- removed", "~": "~ changed", ".": ". only follows from another change"}
    return "   ".join(text for sign, text in words.items() if sign in signs)
