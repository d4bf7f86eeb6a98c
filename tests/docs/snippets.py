"""Fenced blocks of Markdown files, and how each kind is run.

    ```sh                    commands; each must end with status 0
    ```console               `$ command` and what it prints, to within a hundredth; a line `…` stands for any lines.
                             `exit=1` after `console` is the status expected
    ```yaml                  is a whole spec, and right
    ```yaml file.yaml        is also written to that file, for the commands that follow
    ```yaml file.yaml wrong  is only written: a spec with faults
    ```python                is executed; the names of earlier blocks of the page are known

All blocks of a page run in one folder, in order, beside a copy of `specs/`. `make` and installation are left out.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from graphrun.cli.main import main

_FENCE = re.compile(r"^```(\S*)[ ]*(.*?)\n(.*?)^```$", re.M | re.S)
_TIME = re.compile(r"\d+(\.\d+)? (µs|us|ms|s|min)\b")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
_BARS = re.compile("[▁▂▃▄▅▆▇█]+")


@dataclass(frozen=True)
class Block:
    kind: str
    info: str
    text: str
    line: int
    start: int  # of the text, in the page
    end: int


def blocks(page: str) -> list[Block]:
    return [Block(m[1], m[2].strip(), m[3], page.count("\n", 0, m.start()) + 1, m.start(3), m.end(3)) for m in _FENCE.finditer(page)]


def run_command(line: str) -> tuple[int, str]:
    """Runs a `graphrun …` line in this process: status, and both outputs together."""
    words = shlex.split(line, comments=True)
    assert words[0] == "graphrun", f"not a graphrun command: {line}"
    out = Terminal()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        status = main(words[1:])
    return status, out.getvalue()


class Terminal(io.StringIO):
    """Has an encoding with all signs, as a file that a command writes to has."""

    encoding = "utf-8"


def sessions(text: str) -> list[tuple[str, list[str]]]:
    """The commands of a console block, each with the lines that follow it. A command may go on after a backslash."""
    found: list[tuple[str, list[str]]] = []
    for line in text.replace("\\\n", "").splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def same(expected: list[str], found: list[str]) -> bool:
    """Whether the lines match, where `…` stands for any lines."""
    expected, found = _trimmed(expected), _trimmed(found)
    if "…" not in expected:
        return len(expected) == len(found) and all(map(_alike, expected, found))
    at = expected.index("…")
    if len(found) < at or not all(map(_alike, expected[:at], found[:at])):
        return False
    rest = expected[at + 1 :]
    return any(same(rest, found[k:]) for k in range(at, len(found) + 1))


def _trimmed(lines: list[str]) -> list[str]:
    return "\n".join(line.rstrip() for line in lines).strip("\n").split("\n")


def _alike(one: str, other: str) -> bool:
    """Equal but for spaces, times, the bars of a loss, and the last digits of numbers."""
    parts = [_NUMBER.split(t) for t in map(_plain, (one, other))]
    if parts[0] != parts[1]:
        return False
    numbers = [[float(n.replace(",", "")) for n in _NUMBER.findall(t)] for t in map(_plain, (one, other))]
    return all(abs(a - b) <= 0.01 * max(abs(a), abs(b)) + 1e-12 for a, b in zip(*numbers, strict=True))


def _plain(line: str) -> str:
    return " ".join(_BARS.sub("~", _TIME.sub("T", line)).split())


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
