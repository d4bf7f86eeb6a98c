"""What is known about a spec text: faults, what a name means, where it stands, and what could be written at a place.

Lines and columns count from 1 here, in characters; the server makes the protocol's positions of them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphrun.build.build import Built
from graphrun.build.library import library
from graphrun.errors import Diagnostic, Place, Source
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import shape_text
from graphrun.model.validation import check_text
from graphrun.ops.registry import OPS
from graphrun.spec.check import keys_at
from graphrun.spec.spec import Function, Optimizer, Spec

__all__ = ["Analysis", "Completion", "analyse"]

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_KEY = re.compile(r"^(\s*)(?:- )?(\"[^\"]*\"|'[^']*'|[^\s#:'\"{\[][^:#]*?)\s*:(?:\s|$)")
_SECTIONS = ("inputs", "params", "state", "config", "nodes", "metrics")
_ONE = {"inputs": "input", "params": "parameter", "state": "state", "config": "constant", "nodes": "node", "metrics": "metric"}


@dataclass(frozen=True, slots=True)
class Completion:
    """Something that could be written: `kind` is `value`, `function`, `optimizer` or `key`; `detail` says what it is."""

    label: str
    kind: str
    detail: str
    documentation: str = ""


@dataclass(frozen=True, eq=False)
class Analysis:
    """A text with its faults. `spec` and `built` are of the last text that could be read and built, so that they may be older."""

    source: Source
    diagnostics: list[Diagnostic]
    spec: Spec | None
    built: Built | None

    # -- names ---------------------------------------------------------------------------------------------------------

    def word_at(self, line: int, column: int) -> tuple[str, int] | None:
        """The name around a place, with its dots up to the part in which the place lies, and the column where it begins."""
        text = self.source.line(line)
        for found in WORD.finditer(text):
            if found.start() < column <= found.end() + 1:
                end = text.find(".", column - 1)
                word = text[found.start() : end] if found.start() < end < found.end() else found.group()
                return word, found.start() + 1
        return None

    def hover(self, line: int, column: int) -> str | None:
        """What the name at a place means, as Markdown."""
        found = self.word_at(line, column)
        if found is None:
            return None
        word, start = found
        called = self.source.line(line)[start - 1 + len(word) :].lstrip().startswith("(")
        return (self._about_function(word) if called else None) or self._about_value(word) or self._about_function(word)

    def _about_value(self, word: str) -> str | None:
        built = self.built
        if built is None:
            return None
        if word in built.spec.model.config:
            return f"**{word}**: constant, `{built.spec.model.config[word]}`"
        node = built.inputs[word].node if word in built.inputs else None
        param = built.params.get(word)
        if node is None:
            node = param.node if param is not None else built.find(word)
        kind = "input" if word in built.inputs else "parameter" if param is not None else "node"
        if node is None:
            return f"**{word}**: parameter, `{shape_text(param.shape)}`" if param is not None else None
        graph = built.graph
        lines = [f"**{word}**: {kind}, `{graph.dtype(node)} {shape_text(graph.shape(node))}`"]
        written = built.spec.model.nodes.get(word)
        if written is not None:
            stages = written if isinstance(written, list) else [written]
            lines.append(f"`{word}: {' -> '.join(map(str, stages))}`")
        seen = _last_run(built.spec.name, word)
        if seen:
            lines.append(seen)
        return "\n\n".join(lines)

    def _about_function(self, word: str) -> str | None:
        entry = self._function(word)
        if entry is not None:
            head = str(entry.path[-1])
            file = os.path.basename(entry.file.positions.source.name)
            return f"```yaml\n{_entry_text(entry)}\n```\n{head.partition('(')[0]}, from {file}"
        op = OPS.get(word)
        if op is None or not op.public:
            return None
        derivative = f"\n\nderivative: {', '.join(f'`{d}`' for d in op.derivatives)}" if op.derivatives else ""
        return f"`{_signature(op)}`\n\n{' '.join(op.doc.split())}{derivative}"

    def _function(self, word: str) -> Function | Optimizer | None:
        functions, optimizers = library()
        own = self.spec.file if self.spec is not None else None
        tables: list[Mapping[str, Function] | Mapping[str, Optimizer]] = [own.functions, own.optimizers] if own is not None else []
        for table in (*tables, functions, optimizers):
            if word in table:
                return table[word]
        return None

    # -- where things stand --------------------------------------------------------------------------------------------

    def definition(self, line: int, column: int) -> Place | None:
        """Where the name at a place is defined: in this file, a used one or the library."""
        found = self.word_at(line, column)
        if found is None or self.spec is None:
            return None
        word, start = found
        called = self.source.line(line)[start - 1 + len(word) :].lstrip().startswith("(")
        model = self.spec.model
        if not called:
            if self.built is not None and "." in word and word in self.built.params:
                return self.built.params[word].place
            base = word.partition(".")[0]
            for section in _SECTIONS:
                if base in getattr(model, section):
                    return self.spec.key(section, base)
        entry = self._function(word)
        return entry.file.positions.key(entry.path) if entry is not None else None

    def references(self, line: int, column: int) -> list[Place]:
        """Every place of this file where the name at a place stands."""
        found = self.word_at(line, column)
        if found is None:
            return []
        base = found[0].partition(".")[0]
        return [
            Place(self.source, number, start, number, start + len(base))
            for number, start, word in self._words()
            if word.partition(".")[0] == base
        ]

    def _words(self) -> Iterator[tuple[int, int, str]]:
        for number, line in enumerate(self.source.lines, 1):
            code = _without_comment(line)
            for found in WORD.finditer(code):
                yield number, found.start() + 1, found.group()

    # -- what could be written -----------------------------------------------------------------------------------------

    def complete(self, line: int, column: int) -> list[Completion]:
        """What could stand at a place: keys of the section where a key begins; names and functions in a formula."""
        before = self.source.line(line)[: column - 1]
        path, key = self._path(line, before)
        if key:
            keys = keys_at(path)
            return [Completion(name, "key", _short(text), text) for name, text in keys.items()]
        dotted = re.search(r"([A-Za-z_][A-Za-z0-9_.]*)\.[A-Za-z0-9_]*$", before)
        if dotted is not None:
            return self._inner(dotted.group(1))
        if path[:2] == ("train", "optimizer"):
            return self._optimizers()
        return [*self._values(), *self._functions()]

    def _path(self, line: int, before: str) -> tuple[tuple[str, ...], bool]:
        """The keys around the end of `before`, and whether a key is being written there."""
        own = _KEY.match(before)
        indent = len(before) - len(before.lstrip())
        path: list[str] = []
        for k in range(line - 1, 0, -1):
            found = _KEY.match(self.source.line(k))
            if found is not None and len(found.group(1)) < indent:
                indent = len(found.group(1))
                path.insert(0, found.group(2).strip("\"'"))
            if indent == 0:
                break
        if own is None:
            return tuple(path), True
        path.append(own.group(2).strip("\"'"))
        opened = before.rfind("{", own.end() - 1)
        if opened < 0 or before.count("{") <= before.count("}"):
            return tuple(path), False
        inner = re.match(r"\s*([A-Za-z_]\w*)\s*:\s", re.split(r"[{,](?![^()\[\]]*[)\]])", before[opened:])[-1])
        return (*path, inner.group(1)) if inner else tuple(path), inner is None

    def _values(self) -> list[Completion]:
        out = []
        if self.spec is not None:
            for section in _SECTIONS[:-1]:
                out += [Completion(name, "value", self._typed(name, _ONE[section])) for name in getattr(self.spec.model, section)]
        return out

    def _typed(self, name: str, kind: str) -> str:
        built = self.built
        node = None if built is None else built.inputs[name].node if name in built.inputs else built.find(name)
        return kind if built is None or node is None else f"{kind} {shape_text(built.graph.shape(node))}"

    def _functions(self) -> list[Completion]:
        functions, _ = library()
        own = self.spec.file.functions if self.spec is not None else {}
        entries = {**functions, **own}
        out = [Completion(name, "function", str(entry.path[-1]), _entry_text(entry)) for name, entry in entries.items()]
        for name, op in OPS.items():
            if op.public and name not in entries:
                out.append(Completion(name, "function", _signature(op), " ".join(op.doc.split())))
        return out

    def _optimizers(self) -> list[Completion]:
        _, optimizers = library()
        own = self.spec.file.optimizers if self.spec is not None else {}
        return [Completion(name, "optimizer", str(entry.path[-1]), _entry_text(entry)) for name, entry in {**optimizers, **own}.items()]

    def _inner(self, base: str) -> list[Completion]:
        built = self.built
        if built is None:
            return []
        names = {**dict.fromkeys(built.index, "node"), **dict.fromkeys(built.params, "parameter")}
        within = {n.removeprefix(f"{base}."): kind for n, kind in names.items() if n.startswith(f"{base}.") and not set(n) & {"#", "@"}}
        parts = {n.partition(".")[0]: kind for n, kind in within.items()}
        return [Completion(part, "value", self._typed(f"{base}.{part}", kind)) for part, kind in parts.items()]


def analyse(text: str, path: str, before: Analysis | None = None) -> Analysis:
    """Reads a text that stands, or will stand, in the file `path`. What cannot be built leaves what `before` knew."""
    source = Source(path, text.removeprefix("\ufeff"))
    checked = check_text(source.text, path)
    return Analysis(
        source,
        checked.diagnostics,
        checked.spec or (before.spec if before else None),
        checked.built or (before.built if before else None),
    )


def _signature(op: OpDef) -> str:
    arguments = [f"[{op.arrays[0]}, …]"] if op.variadic else list(op.arrays)
    for a in op.attrs:
        default = str(a.default).lower() if isinstance(a.default, bool) or a.default is None else str(a.default)
        arguments.append(a.name if a.required else f"{a.name}={default}")
    return f"{op.name}({', '.join(arguments)})"


def _entry_text(entry: Function | Optimizer) -> str:
    """A function as it is written, without the indentation of where it stands."""
    positions = entry.file.positions
    first, last = positions.key(entry.path), positions.value(entry.path)
    lines = positions.source.lines[first.line - 1 : max(first.line, last.end_line)]
    indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    return "\n".join(line[indent:].rstrip() for line in lines).rstrip()


def _short(text: str) -> str:
    return text.partition(". ")[0].rstrip(".")


def _without_comment(line: str) -> str:
    found = re.search(r"(?:^|\s)#", line)
    return line[: found.start()] if found is not None else line


def _last_run(name: str, word: str) -> str:
    """The value and the gradient of a name in the ledger of the last run of the spec, if there is one."""
    path = os.path.join("outputs", name, "ledger.json")
    try:
        with open(path, encoding="utf-8") as stream:
            document: dict[str, Any] = json.load(stream)
    except (OSError, ValueError):
        return ""
    for node in document.get("nodes", []):
        if node.get("name") == word:
            parts = [f"value `{_shown(node.get('value'))}`"]
            if node.get("gradient") is not None:
                parts.append(f"∂ `{_shown(node['gradient'])}`")
            return f"in {path}: " + ", ".join(parts)
    return ""


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:79] + "…"
