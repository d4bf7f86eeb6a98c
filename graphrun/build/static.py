"""What formulas refer to, known before anything is built: for the order of nodes, cycles, recursion, and unknown names."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from graphrun.build.values import Special
from graphrun.expr.tree import Call, Choice, Expr, Formula, Name, children
from graphrun.ir.opdef import OpDef
from graphrun.spec.spec import File, Function

__all__ = ["INITIAL", "SPECIALS", "References", "Static", "order"]

SPECIALS = {
    name: Special(name)
    for name in (
        *("repeat", "scan", "share", "stop_gradient", "grad", "dim", "shape", "rank", "size", "equal_shapes"),
        *("last_axes", "machine_epsilon", "class_probabilities", "class_indices"),
        *("split", "sort", "topk", "qr", "einsum", "clip", "slice"),
    )
}

K = TypeVar("K", bound=Hashable)

INITIAL = -1
"""In place of the number of leading values: an initial value stands there, so an initializer, which lacks the shape, or a number."""


@dataclass(slots=True)
class References:
    """The values' names and the functions that a formula refers to, each with its place in the tree."""

    values: list[tuple[str, Name]] = field(default_factory=list)
    functions: list[tuple[str, Expr]] = field(default_factory=list)


class Static:
    """Reads formulas without building. `find` resolves a function's name in a file, `formulas` gives a function's parsed formulas."""

    def __init__(
        self, find: Callable[[File, str], Function | OpDef | Special | None], formulas: Callable[[Function], Mapping[str, list[Formula]]]
    ) -> None:
        self._find = find
        self._formulas = formulas
        self._wanted: dict[Function, dict[str, int]] = {}

    def function_arguments(self, function: Function) -> dict[str, int]:
        """The arguments of `function` that are functions themselves, each with how many leading values its body supplies; `INITIAL` for
        those that are initial values of what it holds."""
        found = self._wanted.get(function)
        if found is not None:
            return found
        self._wanted[function] = found = {}  # while it is being found, so that a recursion ends
        arguments = {name for name, _ in function.signature.args}
        held = [*function.model.params.values(), *function.model.state.values()]
        found.update((init, INITIAL) for m in held if isinstance(init := getattr(m, "init", None), str) and init in arguments)
        again = True
        while again:
            before = len(found)
            for formulas in self._formulas(function).values():
                for formula in formulas:
                    self._note_calls(function, formula, arguments, found)
            again = len(found) > before
        return found

    def _note_calls(self, function: Function, formula: Formula, arguments: set[str], found: dict[str, int]) -> None:
        stack: list[tuple[Expr, int | None]] = [(formula.tree, None)]
        while stack:
            node, leading = stack.pop()
            if isinstance(node, Choice):
                stack.extend(((node.then, leading), (node.condition, None), (node.otherwise, leading)))
                continue
            inner: dict[int, int] = {}
            if isinstance(node, Name):
                if leading is not None and formula.name(node) in arguments:
                    found.setdefault(formula.name(node), leading)
            elif isinstance(node, Call) and node.func in arguments:
                found.setdefault(node.func, len(node.args) + max(leading or 0, 0))
            elif isinstance(node, Call):
                inner = {id(e): k for e, k in self.function_positions(function.file, node, max(leading or 0, 0))}
            stack.extend((e, inner.get(id(e))) for e in children(node))

    def function_positions(self, file: File, call: Call, leading: int = 0) -> list[tuple[Expr, int]]:
        """The arguments of `call` where a function is wanted, each with the number of leading values that it lacks.

        `leading` is the number of leading values that `call` lacks itself.
        """
        wanted = self.wanted(self._find(file, call.func))
        pairs = [(k + leading, e) for k, e in enumerate(call.args)]
        return [(e, wanted[k]) for k, e in [*pairs, *call.kwargs] if k in wanted]

    def wanted(self, target: Function | OpDef | Special | None) -> dict[int | str, int]:
        """The arguments of `target`, by position and by name, that are functions, with how many leading values each use supplies."""
        if isinstance(target, Special):
            leading = {"repeat": 1, "scan": 2}.get(target.name)
            return {} if leading is None else {1: leading, "f": leading}
        if not isinstance(target, Function):
            return {}
        by_name = self.function_arguments(target)
        out: dict[int | str, int] = {}
        for k, (name, _) in enumerate(target.signature.args):
            if name in by_name:
                out[k] = out[name] = by_name[name]
        return out

    def references(self, formula: Formula, file: File, functions: Iterable[str] = ()) -> References:
        """What `formula` refers to; `functions` are the names of arguments that hold functions there."""
        out = References()
        local = set(functions)
        stack: list[tuple[Expr, int | None]] = [(formula.tree, None)]
        while stack:
            node, wanted = stack.pop()
            if isinstance(node, Name):
                name = formula.name(node)
                if wanted is None or (wanted == INITIAL and self._find(file, name) is None):
                    out.values.append((name, node))
                elif name not in local:
                    out.functions.append((name, node))
            elif isinstance(node, Call):
                if node.func not in local:
                    out.functions.append((node.func, node))
                inner = {} if node.func in local else {id(e): k for e, k in self.function_positions(file, node, max(wanted or 0, 0))}
                stack.extend((e, inner.get(id(e))) for e in reversed(children(node)))
            elif isinstance(node, Choice):
                stack.extend(((node.otherwise, wanted), (node.condition, None), (node.then, wanted)))
            else:
                stack.extend((e, None) for e in reversed(children(node)))
        return out


def order(keys: Iterable[K], needs: Mapping[K, Iterable[K]]) -> tuple[list[K], list[K]]:
    """Keys sorted so that each comes behind what it needs, otherwise as given; and the keys on a cycle, in its order, if there is one."""
    done: dict[K, bool] = {}
    out: list[K] = []
    for key in keys:
        if key in done:
            continue
        path: list[K] = []
        stack = [(key, iter(needs.get(key, ())))]
        done[key] = False
        path.append(key)
        while stack:
            top, rest = stack[-1]
            for need in rest:
                if need not in done:
                    done[need] = False
                    path.append(need)
                    stack.append((need, iter(needs.get(need, ()))))
                    break
                if not done[need]:
                    return out, path[path.index(need) :]
            else:
                stack.pop()
                path.pop()
                done[top] = True
                out.append(top)
    return out, []
