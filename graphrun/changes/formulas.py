"""Formulas compared: in one canonical writing, under other names, and part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from graphrun.changes.facts import Detail
from graphrun.expr.parse import FormulaError, parse, parse_stage
from graphrun.expr.tree import Call, Expr, Formula, Hole, Name, Num, children, walk
from graphrun.expr.write import write

__all__ = ["Text", "arguments_of", "compared", "read_formula"]

Arguments = Callable[[str], Sequence[str]]
"""The names of a function's arguments, in order; none where it is not known."""

_HOLE = "\u25a1"
_MOST = 3  # parts that are told one by one; where more differ, the whole formula is


@dataclass(frozen=True, slots=True)
class Text:
    """A formula in one writing. `skeleton` has a hole for each name of a value, and `names` fills the holes.

    `calls` are the functions that it calls by name. `tree` is None where the text is no formula.
    """

    text: str
    skeleton: str
    names: tuple[str, ...]
    calls: tuple[str, ...]
    formula: Formula | None

    def renamed(self, values: Mapping[str, str], functions: Mapping[str, str]) -> Text:
        """The same formula with other names for values (`h` → `g` makes `h.weight` `g.weight`) and functions."""
        if self.formula is None or not (
            any(name.partition(".")[0] in values or name in functions for name in self.names) or any(c in functions for c in self.calls)
        ):
            return self
        return read_formula(_rewritten(self.formula, values, functions))


def read_formula(written: object) -> Text:
    """The formula of an entry, or the chain that is written as a list. What cannot be parsed stays the text that it is."""
    if isinstance(written, list):
        joined = _joined(written)
        return read_formula(joined) if joined is not None else _unread(" -> ".join(map(str, written)))
    try:
        formula = parse(written if isinstance(written, str | bool | int | float) else str(written))
    except FormulaError:
        return _unread(str(written))
    calls = tuple(dict.fromkeys(node.func for node in walk(formula.tree) if isinstance(node, Call)))
    holes = [_HOLE] * len(formula.names)
    return Text(write(formula), write(formula.tree, holes), formula.names, calls, formula)


def _unread(text: str) -> Text:
    return Text(text, text, (), (), None)


def _joined(stages: Sequence[object]) -> str | None:
    """A chain as one formula."""
    try:
        parts = [str(stages[0]), *(write(parse_stage(str(stage))) for stage in stages[1:])]
        first = parse(parts[0])
    except (FormulaError, IndexError):
        return None
    return " -> ".join([f"({write(first)})" if not isinstance(first.tree, Name | Num) else write(first), *parts[1:]])


def _rewritten(formula: Formula, values: Mapping[str, str], functions: Mapping[str, str]) -> str:
    edits: list[tuple[int, int, str]] = []
    for node in walk(formula.tree):
        if isinstance(node, Name):
            name = formula.name(node)
            base, dot, rest = name.partition(".")
            if base in values:
                edits.append((*formula.span(node), values[base] + dot + rest))
            elif name in functions:
                edits.append((*formula.span(node), functions[name]))
        elif isinstance(node, Call) and node.func in functions:
            edits.append((*formula.token(node.callee), functions[node.func]))
    text = formula.text
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    return text


# -- two formulas ------------------------------------------------------------------------------------------------------


def compared(before: Text, after: Text, arguments: Arguments) -> tuple[Detail, ...]:
    """What is different between two formulas; nothing where they are the same but for the way they are written."""
    if before.text == after.text:
        return ()
    whole = (Detail("formula", "", before.text, after.text),)
    if before.formula is None or after.formula is None:
        return whole
    if before.skeleton == after.skeleton:
        pairs = dict.fromkeys((a, b) for a, b in zip(before.names, after.names, strict=True) if a != b)
        return tuple(Detail("operand", "", a, b) for a, b in pairs)
    found = list(_parts(before.formula, after.formula, arguments))
    return tuple(found) if 0 < len(found) <= _MOST and not any(d.kind == "formula" for d in found) else whole


@dataclass(frozen=True, slots=True)
class _Both:
    """The parts of two formulas that stand at the same place, and what the argument is called that holds them."""

    before: Expr
    after: Expr
    label: str = ""
    root: bool = False


def _parts(before: Formula, after: Formula, arguments: Arguments) -> Iterable[Detail]:
    """The differences of two trees, walked side by side; a `formula` where they have nothing in common."""
    stack = [_Both(before.tree, after.tree, root=True)]
    while stack:
        at = stack.pop()
        a, b = at.before, at.after
        one, other = write(a, before.names), write(b, after.names)
        if one == other:
            continue
        if isinstance(a, Name) and isinstance(b, Name):
            yield Detail("operand", at.label, one, other)
        elif isinstance(a, Call) and isinstance(b, Call):
            yield from _chains(at, a, b, (before, after), arguments, stack)
        elif at.label or not _alike(a, b):
            yield Detail("argument" if at.label else "formula", at.label, one, other)
        else:
            stack.extend(_Both(x, y) for x, y in zip(reversed(children(a)), reversed(children(b)), strict=True))


def _alike(a: Expr, b: Expr) -> bool:
    """Whether two parts are of one form and differ inside alone."""
    same = type(a) is type(b) and getattr(a, "op", None) == getattr(b, "op", None)
    return same and 0 < len(children(a)) == len(children(b))


def _chains(at: _Both, a: Call, b: Call, formulas: tuple[Formula, Formula], arguments: Arguments, stack: list[_Both]) -> Iterable[Detail]:
    """The differences of two calls, or of two chains of calls: stage by stage where they call the same functions."""
    first, second = _stages(a), _stages(b)
    if len(first) == len(second) == 1:
        yield from _calls(at, a, b, formulas, arguments, stack)
        return
    if first[0].args and second[0].args:
        stack.append(_Both(first[0].args[0], second[0].args[0], at.label))
    if [s.func for s in first] == [s.func for s in second]:
        for s, t in zip(first, second, strict=True):
            yield from _calls(_Both(s, t), s, t, formulas, arguments, stack, skip=1)
    else:
        yield from _chain([_stage(formulas[0], s) for s in first], [_stage(formulas[1], s) for s in second])


def _calls(
    at: _Both, a: Call, b: Call, formulas: tuple[Formula, Formula], arguments: Arguments, stack: list[_Both], skip: int = 0
) -> Iterable[Detail]:
    """The differences of two calls: of their arguments from `skip` on where both call one function, else the functions."""
    texts = [[write(e, f.names) for e in children(call)[skip:]] for call, f in zip((a, b), formulas, strict=True)]
    if a.func != b.func:
        if texts[0] == texts[1]:
            yield Detail("argument", at.label, a.func, b.func)
        else:
            yield Detail("formula", "", write(a, formulas[0].names), write(b, formulas[1].names))
        return
    names = arguments(a.func)
    one, other = _named(a, names), _named(b, names)
    for key in dict.fromkeys([*one, *other]):
        if isinstance(key, int) and key < skip:
            continue
        label = _said(key, names) if at.root else f"{a.func} {_said(key, names)}"
        x, y = one.get(key), other.get(key)
        left, right = write(x, formulas[0].names) if x else "", write(y, formulas[1].names) if y else ""
        if left == right:
            continue
        if x and y and (isinstance(x, Call | Name) or key == 0) and type(x) is type(y):
            stack.append(_Both(x, y, "" if isinstance(x, Call) or key == 0 else label))
        else:
            yield Detail("argument", label, left, right)


def _named(call: Call, names: Sequence[str]) -> dict[int | str, Expr]:
    """The arguments by position, as far as names are not known for it."""
    out: dict[int | str, Expr] = dict(enumerate(call.args))
    for key, value in call.kwargs:
        out[names.index(key) if key in names else key] = value
    return out


def _said(name: int | str, names: Sequence[str]) -> str:
    if isinstance(name, str):
        return name
    return names[name] if name < len(names) else f"argument {name + 1}"


def _stages(call: Call) -> list[Call]:
    """The calls of a chain, the first one first."""
    out = [call]
    while out[-1].piped and isinstance(out[-1].args[0], Call) and out[-1].args[0].piped:
        out.append(out[-1].args[0])
    return out[::-1]


def _stage(formula: Formula, call: Call) -> str:
    """A stage of a chain by itself: `dense(32)`."""
    return write(replace(call, args=(Hole(call.first, call.first), *call.args[1:])) if call.piped else call, formula.names)


def _chain(before: list[str], after: list[str]) -> Iterable[Detail]:
    for what, i, k, m, n in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        for a, b in zip(before[i:k], after[m:n], strict=False):
            yield Detail("stage", "", a, b)
        yield from (Detail("stage", "", a, "") for a in before[i + (n - m) : k])
        yield from (Detail("stage", "", "", b) for b in after[m + (k - i) : n])


def arguments_of(call: str, arguments: Arguments) -> tuple[str, dict[str, str]] | None:
    """A text that is one call (`adam(lr=0.01)`) as the function and its arguments by name; None where it is something else."""
    read = read_formula(call)
    if read.formula is None:
        return None
    tree = read.formula.tree
    if isinstance(tree, Name):
        return read.text, {}
    if not isinstance(tree, Call) or tree.piped:
        return None
    names = arguments(tree.func)
    return tree.func, {_said(key, names): write(value, read.formula.names) for key, value in _named(tree, names).items()}
