"""Whole messages of wrong formulas: `formula_errors.txt` holds each with its underlined place, code, message, notes and help.

A block begins with what is read: `formula:`, `stage:` (an entry of a chain) or `head:` (of a function).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from graphrun.codes import catalogue
from graphrun.expr.parse import FormulaError, parse, parse_signature, parse_stage

GOLDEN = Path(__file__).with_name("formula_errors.txt").read_text(encoding="utf-8")
READERS = {"formula: ": parse, "stage:   ": parse_stage, "head:    ": parse_signature}
LEAD = len("formula: ")


def block(head: str) -> str:
    """What the formula in the first line of a block gives."""
    kind, text = head[:LEAD], head[LEAD:]
    with pytest.raises(FormulaError) as caught:
        READERS[kind](text)
    fault = caught.value
    lines = [head, " " * (LEAD + fault.start) + "^" * (fault.end - fault.start), f"{fault.code}: {fault.message}"]
    lines += [f"note: {note}" for note in fault.notes]
    lines.append(f"help: {fault.help}")
    return "\n".join(lines)


@pytest.mark.parametrize("golden", GOLDEN.strip("\n").split("\n\n"), ids=lambda golden: golden.partition("\n")[0])
def test_message(golden: str) -> None:
    assert block(golden.partition("\n")[0]) == golden


@pytest.mark.parametrize(
    ("text", "start", "end", "message", "help"),
    [
        ("", 0, 0, "the formula is empty", "write a value, such as `0` or the name of a node"),
        ("  ", 0, 2, "the formula is empty", "write a value, such as `0` or the name of a node"),
        ("a\u00a0+ b", 1, 2, "U+00A0 is not part of the language", "write a plain space"),
        ("a\x07b", 1, 2, "the character U+0007 is not part of the language", "leave it out"),
        ("f('a\nb')", 2, 7, "a string ends on the line where it begins", "write it on one line"),
        ("(" * 101 + "x", 100, 101, "the formula is nested more than 100 deep", "give inner parts names of their own under `nodes`"),
        ("-" * 101 + "x", 100, 101, "the formula is nested more than 100 deep", "give inner parts names of their own under `nodes`"),
        ("x" + "[0]" * 101, 301, 302, "the formula is nested more than 100 deep", "give inner parts names of their own under `nodes`"),
        ("a" + "^a" * 101, 201, 202, "the formula is nested more than 100 deep", "give inner parts names of their own under `nodes`"),
        ("9" * 400, 0, 400, "the number `99999999…9999` is too large: the largest is about 1.8e308", "infinity is written `inf`"),
    ],
)
def test_message_of_what_does_not_fit_a_line(text: str, start: int, end: int, message: str, help: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse(text)
    fault = caught.value
    assert (fault.start, fault.end, fault.message, fault.help) == (start, end, message, help)


def test_long_formulas_are_not_repeated_in_the_help() -> None:
    with pytest.raises(FormulaError) as caught:
        parse("a b" + " + c" * 100)
    assert caught.value.help == "a product is written with `*`"


def test_every_code_is_documented() -> None:
    codes = {line.split(": ")[0] for line in GOLDEN.split("\n") if line.startswith(("formula-", "unknown-", "unbalanced-", "malformed-"))}
    assert codes == {"formula-syntax", "unknown-operator", "unbalanced-bracket", "malformed-number"}
    assert codes <= set(catalogue())


def test_a_comment_sign_in_a_string_is_text() -> None:
    assert parse("f('a # b; c?')").source(parse("f('a # b; c?')").tree) == "f('a # b; c?')"
