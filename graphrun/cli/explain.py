"""`graphrun explain`: what a code of a diagnostic means and how it is mended."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from graphrun.cli import printing
from graphrun.cli.options import Format, FormatOption
from graphrun.codes import catalogue
from graphrun.errors import Diagnostic, UsageError, nearest

__all__ = ["command"]


def command(
    code: Annotated[str | None, typer.Argument(metavar="[CODE]", help="The code of an error or a warning.", show_default=False)] = None,
    *,
    format: FormatOption = Format.text,
) -> None:
    """Explain what a diagnostic means and how it is mended.

    Without a code, all codes are listed.

    \b
    Examples:
      graphrun explain shape-mismatch
      graphrun explain
    """
    known = catalogue()
    if code is None:
        if format is Format.json:
            printing.say_json({"codes": known})
            return
        longest = max(map(len, known))
        for name, text in known.items():
            printing.say(f"{name:{longest}}  " + textwrap.shorten(text, printing.width() - longest - 2, placeholder=" …"))
        return
    if code not in known:
        near = nearest(code, known)
        mend = f"did you mean `{near}`?" if near else "`graphrun explain` lists all codes"
        raise UsageError(Diagnostic("unknown-code", f"there is no code `{code}`", help=mend))
    if format is Format.json:
        printing.say_json({"code": code, "text": known[code]})
        return
    printing.say(f"{code}\n")
    printing.say(folded(known[code], printing.width()))


def folded(docstring: str, width: int) -> str:
    """A docstring for a screen: paragraphs folded, indented lines as they are."""
    out = []
    for paragraph in docstring.split("\n\n"):
        lines = [line.strip() for line in paragraph.splitlines()]
        joined = "\n".join(textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False) for line in _joined(lines))
        out.append(joined)
    return "\n\n".join(out)


def _joined(lines: list[str]) -> list[str]:
    """Lines that go on in the next one are one; each that ends a sentence stands for itself."""
    out: list[str] = []
    for line in lines:
        if out and not out[-1].endswith((".", ":", "?")):
            out[-1] += " " + line
        else:
            out.append(line)
    return out
