"""Functions from statements: one function with the loop over steps inside, or, where that would be too long, several that share a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphrun.engines.emit import Code
from graphrun.engines.statements import Stmt, comment, render

__all__ = ["LIMIT", "Program", "generate", "load"]

LIMIT = 2_000
"""Lines of a function: compiling takes memory and time that grow faster than its length."""


@dataclass(frozen=True, slots=True)
class Program:
    """Generated code: `run(first, count, slots, feeds, record)`. `slots` are the scalar slots and `feeds` the leaves fed, in the order in
    which it takes them."""

    source: str
    slots: tuple[int, ...]
    feeds: tuple[int, ...]


def generate(code: Code, slots: Sequence[int], feeds: Sequence[int]) -> Program:
    """The text for `code`; `slots` are the scalar slots and `feeds` the leaves that are needed, in the order in which `run` gets them."""
    length = 20 + sum(_length(s) for s in (*code.once, *code.each, *code.late, *code.moves)) + len(slots) // 8 + len(feeds)
    text = _One(code, slots, feeds).text() if length <= LIMIT else _Many(code, slots, feeds).text()
    return Program(text, tuple(slots), tuple(feeds))


def _length(s: Stmt) -> int:
    return 1 + len(s.defines) // 8


class _Writer:
    """What both shapes share."""

    def __init__(self, code: Code, slots: Sequence[int], feeds: Sequence[int]) -> None:
        self.code, self.slots, self.feeds = code, slots, feeds
        self.graph = code.plan.graph
        self.counter = code.plan.step.counter
        self.count = len(self.graph)

    def identifier(self, i: int) -> str:
        """The name of a local."""
        return f"v{i}" if i < self.count else f"t{i - self.count}"

    def line(self, s: Stmt, name: Callable[[int], str], indent: str) -> list[str]:
        """A statement as a line; as several where it sets many locals."""
        targets = [self.identifier(i) if i >= 0 else "_" for i in s.defines]
        text = render(s.text, name)
        note = comment(self.graph, s.node)
        if len(targets) <= 1:
            return [f"{indent}{targets[0] + ' = ' if targets else ''}{text}{note}"]
        if len(targets) <= 8:
            return [f"{indent}{', '.join(targets)} = {text}{note}"]
        return [f"{indent}(", *_listed(targets, indent + "    "), f"{indent}) = {text}{note}"]

    def loss(self, name: Callable[[int], str], arg: str) -> str:
        """The loss as a Python float."""
        text = render(arg, name)
        return text if self.graph.dtype(self.code.plan.step.loss) == "float64" else f"float({text})"

    def count_of(self, k: str) -> str:
        """The number of the step as the counter's value."""
        assert self.counter is not None
        return f"float32({k})" if self.graph.dtype(self.counter) == "float32" else f"float({k})"

    def buffers(self) -> list[str]:
        """A comment for each buffer that the code names."""
        graph = self.graph
        lines = []
        for name, i in self.code.buffers.items():
            if i < self.count:
                lines.append(f"# {name}: {comment(graph, i)[4:]}  {graph.type(i)}")
        return lines


def _listed(names: Sequence[str], indent: str) -> list[str]:
    return [indent + ", ".join(names[k : k + 8]) + "," for k in range(0, len(names), 8)]


class _One(_Writer):
    """All in one function; values are locals."""

    def text(self) -> str:
        """The text."""
        code, name = self.code, self.identifier
        out = [*self.buffers(), "def run(first, count, slots, feeds, record):"]
        if self.slots:
            out += ["    (", *_listed([name(i) for i in self.slots], " " * 8), "    ) = slots"]
        for at, i in enumerate(self.feeds):
            out.append(f"    {name(i)} = feeds[{at}]{comment(self.graph, i)}")
        for s in code.once:
            out += self.line(s, name, "    ")
        pad = " " * 4
        if self.slots:
            out.append("    try:")
            pad = " " * 8
        out.append(f"{pad}for k in range(first, first + count):")
        inner = pad + "    "
        if self.counter is not None and code.plan.needed[self.counter]:
            out.append(f"{inner}{name(self.counter)} = {self.count_of('k')}{comment(self.graph, self.counter)}")
        for s in code.each:
            out += self.line(s, name, inner)
        loss = code.plan.same[code.plan.step.loss]
        out.append(f"{inner}record({self.loss(name, code.loss)}){comment(self.graph, loss)}")
        for s in (*code.late, *code.moves):
            out += self.line(s, name, inner)
        if self.slots:
            out += ["    finally:", "        slots[:] = (", *_listed([name(i) for i in self.slots], " " * 12), "        )"]
        out.append(f"    return ({''.join(render(text, name) + ', ' for _, text in code.outputs)})")
        return "\n".join(out) + "\n"


class _Many(_Writer):
    """Functions of bounded length. What one computes and another reads goes through the list `S`; its first places are the slots'."""

    def text(self) -> str:
        """The text."""
        code = self.code
        self._place: dict[int, int] = {i: at for at, i in enumerate((*self.slots, *self.feeds))}
        if self.counter is not None and self.counter not in self._place:
            self._place[self.counter] = len(self._place)
        groups = [("once", code.once), ("step", code.each), ("late", code.late), ("move", code.moves)]
        chunks = [(f"{kind}_{k}", part) for kind, stmts in groups for k, part in enumerate(_cut(stmts))]
        self._share(chunks)
        out = self.buffers()
        for function, part in chunks:
            out += [*self._function(function, part), ""]
        out += self._driver(chunks)
        self.code.env["S"] = [None] * len(self._place)
        return "\n".join(out) + "\n"

    def _share(self, chunks: Sequence[tuple[str, Sequence[Stmt]]]) -> None:
        """Gives a place in `S` to each value that is read outside the function that computes it."""
        home: dict[int, str] = {}
        for function, part in chunks:
            for s in part:
                for i in s.uses:
                    if home.get(i) != function and i not in self._place:
                        self._place[i] = len(self._place)
                for i in s.defines:
                    home.setdefault(i, function)
        for text in (self.code.loss, *(text for _, text in self.code.outputs)):
            for i in Stmt(text, 0).uses:
                self._place.setdefault(i, len(self._place))

    def _function(self, function: str, part: Sequence[Stmt]) -> list[str]:
        out = [f"def {function}():"]
        here: set[int] = set()
        reads: dict[int, int] = {}
        for s in part:
            for i in s.uses:
                reads[i] = reads.get(i, 0) + (i not in here)
            if not function.startswith("move"):
                here.update(s.defines)
        loaded = {i for i, n in reads.items() if n > 1 and i in self._place}
        out += [f"    {self.identifier(i)} = S[{self._place[i]}]" for i in sorted(loaded)]
        known = set(loaded)

        def name(i: int) -> str:
            return self.identifier(i) if i in known else f"S[{self._place[i]}]"

        for s in part:
            if function.startswith("move") and s.defines:
                out.append(f"    S[{self._place[s.defines[0]]}] = {render(s.text, name)}{comment(self.graph, s.node)}")
                continue
            out += self.line(s, name, "    ")
            for i in s.defines:
                known.add(i)
                if i in self._place:
                    out.append(f"    S[{self._place[i]}] = {self.identifier(i)}")
        return out

    def _driver(self, chunks: Sequence[tuple[str, Sequence[Stmt]]]) -> list[str]:
        n, m = len(self.slots), len(self.slots) + len(self.feeds)
        kinds = {kind: [f for f, _ in chunks if f.startswith(kind)] for kind in ("once", "step", "late", "move")}

        def name(i: int) -> str:
            return f"S[{self._place[i]}]"

        out = ["def run(first, count, slots, feeds, record):", f"    S[:{n}] = slots", f"    S[{n}:{m}] = feeds"]
        out += [f"    {f}()" for f in kinds["once"]]
        out += ["    try:", "        for k in range(first, first + count):"]
        if self.counter is not None:
            out.append(f"            {name(self.counter)} = {self.count_of('k')}")
        out += [f"            {f}()" for f in kinds["step"]]
        out.append(f"            record({self.loss(name, self.code.loss)})")
        out += [f"            {f}()" for f in (*kinds["late"], *kinds["move"])]
        out += ["    finally:", f"        slots[:] = S[:{n}]"]
        out.append(f"    return ({''.join(render(text, name) + ', ' for _, text in self.code.outputs)})")
        return out


def _cut(stmts: Sequence[Stmt]) -> list[list[Stmt]]:
    """Parts that come out at no more than LIMIT lines each, loads and stores counted."""
    parts: list[list[Stmt]] = []
    length = LIMIT
    for s in stmts:
        lines = 4 + 2 * len(s.defines) + len(set(s.uses)) // 2
        if length + lines > LIMIT - 10:
            parts.append([])
            length = 0
        parts[-1].append(s)
        length += lines
    return parts


def load(source: str, env: dict[str, Any], name: str) -> Callable[..., Any]:
    """The function `run` of generated code.

    The one place where text becomes code: it is made from a graph's nodes by this package; the names of a spec stand in comments alone.
    """
    exec(compile(source, f"<{name}>", "exec"), env)  # noqa: S102
    run: Callable[..., Any] = env["run"]
    return run
