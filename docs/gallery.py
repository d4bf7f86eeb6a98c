"""Makes the pictures of docs/gallery.md: runs the commands that stand on the page. `make gallery` calls this."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from graphrun.cli.main import main as graphrun

PAGE = Path(__file__).resolve().parent / "gallery.md"

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


def commands() -> list[list[str]]:
    """The command lines of the page, in order, without the program's name."""
    lines = [line for block in _BLOCK.findall(PAGE.read_text(encoding="utf-8")) for line in block.splitlines() if line.strip()]
    words = [shlex.split(line) for line in lines]
    assert all(line[0] == "graphrun" for line in words), "the page has a command that is not one of graphrun"
    return [line[1:] for line in words]


def pictures() -> list[str]:
    """The files that the commands write, relative to the folder they are called in."""
    return [line[line.index("-o") + 1] for line in commands() if "-o" in line]


def main() -> int:
    """Runs all commands in the folder at hand; the first status that is not 0, else 0."""
    for line in commands():
        status = graphrun(line)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
