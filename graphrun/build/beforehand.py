"""What can be said before anything is built: recursion, unknown names in functions, and the order of the nodes."""

from __future__ import annotations

from collections.abc import Mapping

from graphrun.build.assemble import Assembly
from graphrun.build.frame import Frame
from graphrun.build.lower import POISON
from graphrun.build.names import Context, Scope
from graphrun.build.static import order
from graphrun.errors import Diagnostic, certain, nearest
from graphrun.expr.tree import Formula
from graphrun.spec.models import SpecModel
from graphrun.spec.spec import Function, Spec

__all__ = ["Beforehand"]


class Beforehand:
    """Reads the formulas of a spec without lowering them."""

    spec: Spec
    model: SpecModel
    assembly: Assembly

    def _check_functions(self) -> None:
        """Tells recursion and unknown names in the functions of this file and those it uses."""
        a = self.assembly
        own = {fn: fn for fn in self.spec.file.functions.values()}
        needs = {fn: [g for g in self._called(fn) if g in own] for fn in own}
        while cycle := order(own, needs)[1]:
            names = " -> ".join(fn.signature.name for fn in [*cycle, cycle[0]])
            first = cycle[0]
            a.tell(
                Diagnostic(
                    "recursion",
                    f"functions call each other in a circle: {names}",
                    first.file.positions.key(first.path),
                    help="a function cannot call itself; for a fixed number of copies use `repeat(x, f, n)`, for a recurrence `scan`",
                )  # fmt: skip
            )
            a.circular.update(cycle)
            needs = {fn: [g for g in called if g not in a.circular] for fn, called in needs.items() if fn not in a.circular}
        for fn in own:
            self._check_body(fn)

    def _called(self, fn: Function) -> list[Function]:
        a = self.assembly
        arguments = a.static.function_arguments(fn)
        found = []
        for formulas in (*a.formulas(fn).values(), a.given_with(fn)):
            for formula in formulas:
                for name, _ in a.static.references(formula, fn.file, arguments).functions:
                    target = a.find(fn.file, name)
                    if isinstance(target, Function):
                        found.append(target)
        return found

    def _check_body(self, fn: Function) -> None:
        """Tells names that a function's body uses and nothing has."""
        a = self.assembly
        arguments = {n for n, _ in fn.signature.args}
        known = {
            *arguments,
            *fn.model.params,
            *fn.model.state,
            *fn.model.nodes,
            "training",
            "step",
            "steps",
            "pi",
            "inf",
            *a.dims,
            "shape",
            "fan_in",
            "fan_out",
            *fn.file.lost.inner.get(str(fn.path[-1]), ()),
        }
        lost = fn.file is self.spec.file and fn.file.lost.any_name
        if fn.file is self.spec.file:
            known |= {*a.scope.values, *self.model.nodes}
        scope = Scope(fn.file, dict.fromkeys(known, POISON))
        for key, formulas in a.formulas(fn).items():
            section, _, entry = key.partition(".")
            path = a.returns_path(fn) if key == "returns" else (*fn.path, section, entry, *(("update",) if section == "state" else ()))
            for k, formula in enumerate(formulas):
                refs = a.static.references(formula, fn.file, a.static.function_arguments(fn))
                where = (*path, k) if len(formulas) > 1 else path
                frame = Frame(formula, fn.file.positions, where, scope, Context(0, "", None), [])
                a.tell_unknown_functions([(name, at) for name, at in refs.functions if name not in arguments], frame)
                for name, at in refs.values:
                    if name.partition(".")[0] not in known and not lost and not a.find(fn.file, name):
                        near = nearest(name, known)
                        start, end = formula.span(at)
                        a.tell(
                            Diagnostic(
                                "unknown-name",
                                f"there is no value called `{name}` in `{fn.signature.name}`",
                                fn.file.positions.within(where, start, end),
                                help=f"did you mean `{near}`?" if near else None,
                                fix=certain(name, known),
                            )  # fmt: skip
                        )

    def _order(self, formulas: Mapping[str, list[Formula]]) -> list[str]:
        """The nodes in an order in which they can be computed; a cycle is told with the names on it."""
        a = self.assembly
        free: dict[Function, set[str]] = {}

        def free_names(fn: Function) -> set[str]:
            if fn not in free:
                free[fn] = set()
                hidden = {*(n for n, _ in fn.signature.args), *fn.model.params, *fn.model.state, *fn.model.nodes}
                for parts in (*a.formulas(fn).values(), a.given_with(fn)):
                    for p in parts:
                        free[fn] |= {
                            n.partition(".")[0] for n, _ in a.static.references(p, fn.file, a.static.function_arguments(fn)).values
                        } - hidden
                for g in self._called(fn):
                    if g.file is self.spec.file:
                        free[fn] |= free_names(g)
            return free[fn]

        needs: dict[str, list[str]] = {}
        for name, parts in formulas.items():
            used: dict[str, None] = {}
            for p in parts:
                refs = a.static.references(p, self.spec.file)
                used.update(dict.fromkeys(n.partition(".")[0] for n, _ in refs.values))
                for function, _ in refs.functions:
                    target = a.find(self.spec.file, function)
                    if isinstance(target, Function) and target.file is self.spec.file:
                        used.update(dict.fromkeys(sorted(free_names(target))))
            needs[name] = [n for n in used if n in formulas]
        remaining = dict.fromkeys(formulas)
        done: list[str] = []
        while True:
            found, cycle = order(remaining, needs)
            if not cycle:
                return done + found
            if not self.spec.file.lost.names & set(cycle):  # a name given twice is told, and may be what makes the cycle
                a.tell_cycle(cycle, {n: self.spec.key("nodes", n) for n in cycle})
            for name in cycle:
                a.scope.values[name] = POISON
                remaining.pop(name)
                needs.pop(name, None)
            needs = {n: [m for m in each if m in remaining] for n, each in needs.items()}
