"""What one build works with: the graph in the making, the parsed formulas, and the faults found."""

from __future__ import annotations

import re
from abc import ABC
from collections.abc import Mapping, Sequence

from graphrun.build.frame import Frame
from graphrun.build.names import CallRecord
from graphrun.build.outside import Given, outside_of
from graphrun.build.static import Static, order
from graphrun.build.values import Fault, Poisoned, Ref, describe
from graphrun.errors import Diagnostic, Place, Reporter
from graphrun.expr.parse import FormulaError, parse, parse_stage
from graphrun.expr.tree import Formula
from graphrun.ir.builder import Builder
from graphrun.ir.graph import pack_place, unpack_place
from graphrun.ir.types import DType
from graphrun.spec.spec import File, Function, Path, Positions

__all__ = ["Session"]

Written = str | bool | int | float


class Session(ABC):
    """Formulas are parsed once; a fault at one place is told once."""

    static: Static
    shipped: frozenset[File] = frozenset()  # the library's

    def __init__(self, reporter: Reporter, dtype: DType, dims: Sequence[str], training: bool, one_row: bool) -> None:
        self.reporter = reporter
        self.builder = Builder()
        self.dtype = dtype
        self.dims = frozenset(dims)
        self.training = training
        self.one_row = one_row
        self.around: list[CallRecord] = []  # the calls that are being built, each within the one before
        self._told: set[tuple[str, Place | None]] = set()
        self._bodies: dict[Function, dict[str, list[Formula]]] = {}
        self._orders: dict[Function, list[str]] = {}
        self._outer: dict[Function, list[Formula]] = {}
        self._sources: dict[File, int] = {}

    # -- formulas -------------------------------------------------------------------------------------------------

    def parsed(self, written: Written | list[Written], positions: Positions, path: Path) -> list[Formula] | None:
        """A formula, or the stages of a chain that is written as a list; None where one has a fault, which is told."""
        if not isinstance(written, list):
            one = self._parse(written, positions, path, stage=False)
            return None if one is None else [one]
        found = [self._parse(w, positions, (*path, k), stage=k > 0) for k, w in enumerate(written)]
        return None if None in found else [p for p in found if p is not None]

    def _parse(self, written: Written, positions: Positions, path: Path, stage: bool) -> Formula | None:
        try:
            return parse_stage(str(written)) if stage else parse(written)
        except FormulaError as fault:
            text = str(written)
            place = positions.within(path, min(fault.start, len(text)), max(fault.end, fault.start + 1))
            self.tell(Diagnostic(fault.code, fault.message, place, "error", tuple(fault.notes), fault.help))
            return None

    def formulas(self, fn: Function) -> Mapping[str, list[Formula]]:
        """The parsed formulas of a function's body: `nodes.z` (several for a chain), `returns` (or several), `state.s` (an update)."""
        found = self._bodies.get(fn)
        if found is None:
            found = self._bodies[fn] = {}
            at = fn.file.positions
            for name, written in fn.model.nodes.items():
                found[f"nodes.{name}"] = self.parsed(written, at, (*fn.path, "nodes", name)) or []
            path = self.returns_path(fn)
            if isinstance(fn.model.returns, list):
                each = [self.parsed(w, at, (*path, k)) for k, w in enumerate(fn.model.returns)]
                found["returns"] = [] if None in each else [p for one in each for p in one or ()]
            else:
                found["returns"] = self.parsed(fn.model.returns, at, path) or []
            for name, state in fn.model.state.items():
                found[f"state.{name}"] = self.parsed(state.update, at, (*fn.path, "state", name, "update")) or []
        return found

    def given_with(self, fn: Function) -> Sequence[Formula]:
        """The formulas of a function beside its body: of defaults that are values, and of the shapes of what it holds."""
        found = self._outer.get(fn)
        if found is None:
            functions = self.static.function_arguments(fn)
            found = self._outer[fn] = [d for name, d in fn.signature.args if d is not None and name not in functions]
            for name in (*fn.model.params, *fn.model.state):
                found += self.shape_formulas(fn, name)
        return found

    def shape_formulas(self, fn: Function, name: str) -> list[Formula]:
        """The sizes of a function's parameter or state that are written as formulas."""
        section = "params" if name in fn.model.params else "state"
        model = fn.model.params[name] if section == "params" else fn.model.state[name]
        path = (*fn.path, section, name, "shape")
        sizes = getattr(model, "shape", None) or ()
        each = [self.parsed(s, fn.file.positions, (*path, k)) for k, s in enumerate(sizes) if isinstance(s, str)]
        return [p for one in each for p in one or ()]

    def returns_path(self, fn: Function) -> Path:
        """Where `returns` stands: at the function's own entry where that is a mere formula."""
        return (*fn.path, "returns") if fn.has_body else fn.path

    def node_order(self, fn: Function) -> Sequence[str]:
        """The nodes of a function's body in an order in which they can be computed; a cycle is told."""
        found = self._orders.get(fn)
        if found is None:
            formulas = self.formulas(fn)
            functions = self.static.function_arguments(fn)
            needs: dict[str, list[str]] = {}

            def names(formulas: Sequence[Formula]) -> list[str]:
                return [n.partition(".")[0] for p in formulas for n, _ in self.static.references(p, fn.file, functions).values]

            for name in fn.model.nodes:
                used = names(formulas[f"nodes.{name}"])
                for param in [n for n in dict.fromkeys(used) if n in fn.model.params]:
                    used += names(self.shape_formulas(fn, param))  # it is made when it is first used
                needs[name] = [n for n in dict.fromkeys(used) if n in fn.model.nodes]
            found, cycle = order(fn.model.nodes, needs)
            if cycle:
                self.tell_cycle(cycle, {n: fn.file.positions.key((*fn.path, "nodes", n)) for n in cycle})
                found = [n for n in found if n not in cycle]
            self._orders[fn] = found
        return found

    # -- faults ---------------------------------------------------------------------------------------------------

    def tell(self, diagnostic: Diagnostic) -> None:
        """Reports a fault, once for each place."""
        key = (diagnostic.code, diagnostic.place)
        if key not in self._told:
            self._told.add(key)
            self.reporter.diagnostics.append(diagnostic)

    def tell_cycle(self, cycle: Sequence[str], places: Mapping[str, Place]) -> None:
        """Reports a cycle with the names on it and where each stands."""
        shown = [*cycle, cycle[0]] if len(cycle) <= 12 else [*cycle[:6], "…", *cycle[-3:], cycle[0]]
        names = " -> ".join(shown)
        many = f" {len(cycle):,}" if len(cycle) > 12 else ""
        pairs = [*zip(cycle, [*cycle[1:], cycle[0]], strict=True)]
        pairs = pairs if len(cycle) <= 12 else [*pairs[:6], *pairs[-3:]]
        notes = tuple(f"{n} is defined in line {places[n].line} and needs {m}" for n, m in pairs)
        message = f"{cycle[0]} depends on itself" if len(cycle) == 1 else f"these{many} nodes depend on each other: {names}"
        first = min(cycle, key=lambda n: (places[n].line, places[n].column))
        self.tell(
            Diagnostic("cycle", message, places[first], "error", notes, "a graph has no cycles; for a recurrence use `scan(x, f, start)`")
        )

    def located(self, fault: Fault, f: Frame) -> Poisoned:
        """Reports the fault at its place in the formula; what is raised in its stead."""
        outside = self.caller(f)
        if outside is not None:
            self.tell(outside_of(fault, outside[1], outside[0], *self._given()))
            return Poisoned()
        if fault.token is not None:
            start, end = f.formula.token(fault.token)
        elif fault.expr is not None:
            start, end = f.formula.span(fault.expr)
        else:
            start, end = 0, len(f.formula.text)
        fix, fix_at = fault.fix, None
        if fault.word is not None:
            found = [*re.finditer(rf"\b{re.escape(fault.word)}(?=\s*=[^=])", f.formula.text[start:end])]
            fix, fix_at = (fix, f.place(start + found[0].start(), start + found[0].end())) if len(found) == 1 else (None, None)
        self.tell(Diagnostic(fault.code, fault.message, f.place(start, end), "error", fault.notes, fault.help, fix, fix_at))
        return Poisoned()

    def caller(self, f: Frame) -> tuple[Place, str] | None:
        """For a formula of the library: where the spec calls the function that leads there, and the name of that function."""
        return self.call_outside(f.call) if f.scope.file in self.shipped else None

    def call_outside(self, call: int) -> tuple[Place, str] | None:
        """Where a file that is not the library's makes the call from which this one follows, and the name of the function there."""
        graph, name = self.builder.graph, ""
        files = {k: file for file, k in self._sources.items()}
        while call >= 0:
            source, line, column, length = unpack_place(graph.calls[call].place)
            name = graph.calls[call].function
            file = files.get(source)
            if line and file is not None and file not in self.shipped:
                return Place(file.positions.source, line, column, line, column + length), name
            call = graph.calls[call].parent
        return None

    def _given(self) -> tuple[list[Given], list[str]]:
        """What the spec passes to the function of the library that is being built: values of the graph, and the rest in words."""
        shipped = {self._sources[file] for file in self.shipped if file in self._sources}
        graph, b = self.builder.graph, self.builder
        record = next((r for r in reversed(self.around) if unpack_place(graph.calls[r.call].place)[0] not in shipped), None)
        bound = record.bound.items() if record is not None else ()
        values = [Given(name, graph.name(v.node), b.shape(v.node), b.dtype(v.node)) for name, v in bound if isinstance(v, Ref)]
        return values, [f"its `{name}` is {describe(v)}" for name, v in bound if isinstance(v, str | float)]

    # -- places ---------------------------------------------------------------------------------------------------

    def source_id(self, file: File) -> int:
        """The number of a file in the graph's sources."""
        k = self._sources.get(file)
        if k is None:
            k = self._sources[file] = len(self.builder.graph.sources)
            self.builder.graph.sources.append(file.positions.source.name)
            if k == 0:
                self.builder.graph.spec = file.positions.source
        return k

    def pack(self, place: Place, source: int) -> int:
        """A place as the graph stores it."""
        length = place.end_column - place.column if place.end_line == place.line else 1
        return pack_place(source, place.line, place.column, max(1, length))
