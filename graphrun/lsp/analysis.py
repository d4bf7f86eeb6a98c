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
from graphrun.ir.types import shape_text
from graphrun.lsp.scope import Local, locals_at
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
        called = self._called(word, line, start)
        local = None if called else self._locals(line)[0].get(word.partition(".")[0])
        if local is not None:
            return local.text
        return (self._about_function(word) if called else None) or self._about_value(word) or self._about_function(word)

    def _called(self, word: str, line: int, start: int) -> bool:
        return self.source.line(line)[start - 1 + len(word) :].lstrip().startswith("(")

    def _locals(self, line: int) -> tuple[Mapping[str, Local], range]:
        return locals_at(self.spec.file, line) if self.spec is not None else ({}, range(0))

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
            about = _comment(entry)
            return f"```yaml\n{_entry_text(entry)}\n```\n{about}{head.partition('(')[0]}, from {file}"
        op = OPS.get(word)
        if op is None or not op.public:
            return None
        derivative = f"\n\nderivative: {', '.join(f'`{d}`' for d in op.derivatives)}" if op.derivatives else ""
        return f"`{op.signature}`\n\n{' '.join(op.doc.split())}{derivative}"

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
        model = self.spec.model
        if not self._called(word, line, start):
            local = self._locals(line)[0].get(word.partition(".")[0])
            if local is not None:
                return local.place
            if self.built is not None and "." in word and word in self.built.params:
                return self.built.params[word].place
            base = word.partition(".")[0]
            for section in _SECTIONS:
                if base in getattr(model, section):
                    return self.spec.key(section, base)
        entry = self._function(word)
        return entry.file.positions.key(entry.path) if entry is not None else None

    def references(self, line: int, column: int) -> list[Place]:
        """Every place of this file where the name at a place stands and means the same."""
        found = self.word_at(line, column)
        if found is None:
            return []
        base = found[0].partition(".")[0]
        own, inside = self._locals(line)
        shadowed = {} if base in own else self._shadowing(base)
        return [
            Place(self.source, number, start, number, start + len(base))
            for number, start, word in self._words()
            if word.partition(".")[0] == base and number not in shadowed and (base not in own or number in inside)
        ]

    def _shadowing(self, name: str) -> frozenset[int]:
        """The lines of functions and optimizers in which `name` is one of their own."""
        if self.spec is None:
            return frozenset()
        file = self.spec.file
        entries: list[Function | Optimizer] = [*file.functions.values(), *file.optimizers.values()]
        within = [locals_at(file, file.positions.key(e.path).line) for e in entries if e.file is file]
        return frozenset(number for names, lines in within if name in names for number in lines)

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
            if not keys and path[:1] == ("expect",):
                return self._values()
            return [Completion(name, "key", _short(text), text) for name, text in keys.items()]
        dotted = re.search(r"([A-Za-z_][A-Za-z0-9_.]*)\.[A-Za-z0-9_]*$", before)
        if dotted is not None:
            return self._inner(dotted.group(1))
        if path[:2] == ("train", "optimizer"):
            return self._optimizers()
        own = self._locals(line)[0]
        local = [Completion(one.name, "value", f"{one.kind} of {one.within}") for one in own.values()]
        return [*local, *(v for v in self._values() if v.label not in own), *self._functions()]

    def _path(self, line: int, before: str) -> tuple[tuple[str, ...], bool]:
        """The keys around the end of `before`, and whether a key is being written there."""
        own = _KEY.match(before)
        indent = len(before) - len(before.lstrip())
        path: list[str] = []
        if before[indent : indent + 2] == "- ":
            path.insert(0, "-")
            indent += 1  # the key of a list may stand as far left as its entries
        for k in range(line - 1, 0, -1):
            if indent == 0:
                break
            found = _KEY.match(self.source.line(k))
            if found is None or len(found.group(1)) >= indent:
                continue
            item = found.start(2) - found.end(1) > 1  # `- key: …`
            if item and path[:1] == ["-"] and found.end(1) == indent - 1:
                continue  # another entry of the same list
            if found.start(2) < indent:
                path.insert(0, found.group(2).strip("\"'"))
            if item:
                path.insert(0, "-")
            indent = found.end(1) + item
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
                out.append(Completion(name, "function", op.signature, " ".join(op.doc.split())))
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


def _entry_text(entry: Function | Optimizer) -> str:
    """A function as it is written, without the indentation of where it stands."""
    positions = entry.file.positions
    first, last = positions.key(entry.path), positions.value(entry.path)
    lines = positions.source.lines[first.line - 1 : max(first.line, last.end_line)]
    indent = len(lines[0]) - len(lines[0].lstrip()) if lines else 0
    while lines and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
        lines.pop()  # what stands above the next one
    return "\n".join(line[indent:].rstrip() for line in lines)


def _comment(entry: Function | Optimizer) -> str:
    """The comment above a function, as a paragraph."""
    key = entry.file.positions.key(entry.path)
    above: list[str] = []
    for line in reversed(key.source.lines[: key.line - 1]):
        if not line.lstrip().startswith("#"):
            break
        above.insert(0, line.strip(" #\r"))
    return f"{' '.join(above)}\n\n" if above else ""


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
