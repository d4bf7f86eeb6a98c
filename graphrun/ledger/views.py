"""Views beside the ledger (paths, one entry, one derivative at a time): blocks of equations, written in every form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphrun.ir.formula import to_ascii
from graphrun.ledger import latex
from graphrun.ledger.facts import Facts
from graphrun.ledger.html.view import view_html
from graphrun.ledger.layout import Row, ending, equations, value_text
from graphrun.ledger.markdown import escaped_cell, markdown_head, markdown_table
from graphrun.ledger.text import filled, header_lines

__all__ = ["Block", "Equation", "View"]


@dataclass(frozen=True, slots=True)
class Equation:
    """`name` = each of `parts` = `value` (none where it is None). `mark` stands before it: `again` for work that was done before."""

    name: str
    parts: tuple[str, ...] = ()
    value: Any = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Equations under a title; `heading` says over their products which factor is which; `notes` are sentences after them."""

    title: str
    rows: tuple[Equation, ...] = ()
    notes: tuple[str, ...] = ()
    heading: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Blocks of equations about one question; `document` holds the same as plain values."""

    facts: Facts
    blocks: tuple[Block, ...]
    document: Mapping[str, Any] = field(default_factory=dict)

    def to_text(self, ascii: bool = False, width: int = 80) -> str:
        """For a terminal of `width` columns; `ascii` writes `d`, `*` and `1/2` for `∂`, `·` and `½`."""
        write = to_ascii if ascii else str
        out = header_lines(self.facts, width)
        for block in self.blocks:
            out += ["", *_title_lines(block, width)]
            rows = [_row(e, block, write) for e in block.rows]
            out += equations(rows, width)
            for note in block.notes:
                out += [f"  {line}" for line in filled(note.split(" "), width - 2, " ")]
        return "\n".join(write(line).rstrip() for line in out) + "\n"

    def to_markdown(self) -> str:
        """As Markdown, with a table for each block."""
        out = markdown_head(self.facts)
        for block in self.blocks:
            out += [f"## {escaped_cell(block.title)}", ""]
            marked = any(e.mark for e in block.rows)
            rows = [[*([e.mark] if marked else []), *_cells(e)] for e in block.rows]
            if rows:
                head = [*([""] if marked else []), block.heading or "equation", "in numbers", "value"]
                out += [*markdown_table(head, "l" * (len(head) - 1) + "r", [[escaped_cell(c) for c in row] for row in rows]), ""]
            out += [f"{escaped_cell(note)}\n" for note in block.notes]
        return "\n".join(out).rstrip() + "\n"

    def to_tex(self) -> str:
        """As a LaTeX document."""
        body = [rf"{latex.escaped(text)}\par" for text in (" ".join(self.facts.about.split()), self.facts.row, self.facts.where) if text]
        for block in self.blocks:
            body += ["", rf"\subsection*{{{latex.escaped(block.title)}}}"]
            if block.heading:
                body.append(rf"{latex.escaped(block.heading)}\par")
            marks = [rf"\quad\text{{{latex.escaped(e.mark)}}}" if e.mark else "" for e in block.rows]
            body += latex.align([_tex_row(e) for e in block.rows], marks.__getitem__)
            body += [rf"{latex.escaped(note)}\par" for note in block.notes]
        return latex.document(self.facts.spec, body)

    def to_html(self) -> str:
        """As a page of its own."""
        return view_html(self)

    def to_json(self) -> dict[str, Any]:
        """As a document of plain values."""
        facts = self.facts
        where = {key: text for key, text in (("row", facts.row), ("where", facts.where)) if text}
        return {"spec": facts.spec, **where, **self.document}

    def __repr__(self) -> str:
        return f"<graphrun {self.blocks[0].title if self.blocks else 'view'}>"

    def _repr_markdown_(self) -> str:
        """For a notebook."""
        return self.to_markdown()


def _title_lines(block: Block, width: int) -> list[str]:
    first, *rest = filled(block.title.split(" "), width - 4, " ")
    lines = [first, *(f"    {line}" for line in rest)]
    if block.heading:
        if len(lines) == 1 and len(lines[0]) + 4 + len(block.heading) <= width:
            return [f"{lines[0]}    {block.heading}"]
        lines.append(f"  {block.heading}")
    return lines


def _row(e: Equation, block: Block, write: Any) -> Row:
    wide = max((len(other.mark) for other in block.rows), default=0)
    value, tail = ending(e.value) if e.value is not None else ("", "")
    return Row(f"{e.mark:<{wide + 2}}" if wide else "", write(e.name), tuple(write(p) for p in e.parts), write(value), write(tail))


def _cells(e: Equation) -> Sequence[str]:
    text, written = value_text(e.value) if e.value is not None else ("", False)
    first = " = ".join([part for part in (e.name, *e.parts[:1]) if part])
    more = " ".join(f"= {part}" for part in e.parts[1:])
    return [first, more, f"= {text}" if written else text]


def _tex_row(e: Equation) -> tuple[str, list[str], str]:
    value = latex.math(value_text(e.value)[0]) if e.value is not None else ""
    parts = [latex.math(part) for part in e.parts]
    if e.mark:
        return rf"\again{{{latex.math(e.name)}}}", [rf"\again{{{part}}}" for part in parts], rf"\again{{{value}}}" if value else ""
    return latex.math(e.name), parts, value
