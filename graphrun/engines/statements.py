"""Lines of generated code, before they are put into functions."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from graphrun.ir.graph import Graph

__all__ = ["Stmt", "comment", "local", "render"]

_MARK = re.compile(r"\x01(\d+)\x02")
_PLAIN = re.compile(r"[^\w∂/#@.\[\]% ]")


@dataclass(frozen=True, slots=True)
class Stmt:
    """One line. `text` holds marks (from `local`) where values that live in locals are read; it sets the locals of `defines`, in order.

    `node` is what it computes, for the comment. `raises` says whether it can raise for some values of its operands. `reads` and `writes`
    are the nodes whose buffers it touches (directly, or through views).
    """

    text: str
    node: int
    defines: tuple[int, ...] = ()
    raises: bool = False
    reads: tuple[int, ...] = ()
    writes: int | None = None

    @property
    def uses(self) -> list[int]:
        """The nodes whose locals it reads."""
        return [int(m) for m in _MARK.findall(self.text)]

    @property
    def line(self) -> str:
        """The line with marks, assignment included."""
        if not self.defines:
            return self.text
        return ", ".join(local(i) for i in self.defines) + " = " + self.text


def local(i: int) -> str:
    """The mark for the value of node i in a local."""
    return f"\x01{i}\x02"


def render(line: str, name: Callable[[int], str]) -> str:
    """`line` with its marks replaced by names."""
    return _MARK.sub(lambda m: name(int(m[1])), line)


def comment(graph: Graph, i: int) -> str:
    """`  # u1`: the name of node i, with nothing in it that could end the comment."""
    return "  # " + _PLAIN.sub("?", graph.name(i))
