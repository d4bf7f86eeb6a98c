"""The difference in words: sections of lines, which text, Markdown and pictures lay out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from graphrun.changes.facts import Detail, Difference, Entry, EntryChange, ParamChange, SettingChange, Totals

__all__ = ["Line", "Section", "Sign", "change_text", "head", "sections", "short", "sign_of", "totals"]

Sign = Literal["+", "-", "~", "."]
"""Added, removed, changed, or only following from another change."""

LONGEST = 72
MANY = 6  # parameters of one entry that are told one by one
_SPEC = ("name", "about", "dtype", "dims", "use", "outputs", "loss")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that changed, and beside it what came of that: shapes, counts."""

    sign: Sign
    text: str
    facts: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a heading."""

    title: str
    lines: tuple[Line, ...]


def sign_of(change: EntryChange) -> Sign:
    """The sign of an entry."""
    signs: dict[str, Sign] = {"added": "+", "removed": "-", "follows": "~" if change.renamed else "."}
    return signs.get(change.change, "~")


def sections(difference: Difference) -> tuple[Section, ...]:
    """All lines: the graph, the parameters, then the spec's other keys, then the cost."""
    graph = [line for e in difference.changed if e.entry.kind != "parameter" for line in _entry(e)]
    params = [line for e in difference.changed if e.entry.kind == "parameter" for line in _entry(e)]
    params += _params(difference)
    out = [("graph", graph), ("parameters", params), ("spec", [_setting(s) for s in difference.settings if s.section in _SPEC])]
    rest = dict.fromkeys(s.section for s in difference.settings if s.section not in _SPEC)
    out += [(name, [_setting(s) for s in difference.settings if s.section == name]) for name in rest]
    out.append(("cost", list(_cost(difference.totals))))
    return tuple(Section(title, tuple(lines)) for title, lines in out if lines)


def head(difference: Difference) -> str:
    """`a.yaml → b.yaml`."""
    return " → ".join(difference.names)


def totals(totals: Totals) -> str:
    """`2,474 → 4,810 parameters (+2,336)`; nothing where a graph is missing."""
    if totals.before is None or totals.after is None:
        return ""
    return change_text(totals.before.parameters, totals.after.parameters, "parameters")


def change_text(before: int, after: int, what: str) -> str:
    """`2,474 → 4,810 parameters (+2,336)`, or `2,474 parameters`."""
    if before == after:
        return f"{after:,} {what if after != 1 else what.removesuffix('s')}"
    return f"{before:,} → {after:,} {what} ({after - before:+,})"


def short(text: str, most: int = LONGEST) -> str:
    """`text` on one line and not longer than that."""
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


# -- entries -----------------------------------------------------------------------------------------------------------


def _entry(e: EntryChange) -> Iterable[Line]:
    """The lines of an entry; what came of its change stands beside the first."""
    texts = list(_texts(e))
    facts = _facts(e)
    for k, text in enumerate(texts):
        yield Line(sign_of(e), text, facts if k == 0 else "")


def _texts(e: EntryChange) -> Iterable[str]:
    name = e.entry.name
    if e.before is None or e.after is None:
        node = f"{name} = {short(e.entry.formula, max(LONGEST - len(name), 24))}"
        yield node if e.entry.kind == "node" else f"{e.entry.kind} {name}{_value(e.entry)}"
        return
    if e.renamed:
        what = "" if e.entry.kind == "node" else f"{e.entry.kind} "
        also = f", and follows {_listed(e.follows)}" if e.change == "follows" and e.follows else ""
        yield f"{what}{e.before.name} is now called {name}{also}"
    if e.change == "rewritten":
        yield f"{name} is written differently, with the same steps: {short(e.before.formula)} → {short(e.after.formula)}"
    elif e.change in ("changed", "rewired"):
        causes = [name for name in e.follows if name not in {d.after for d in e.details}]
        also = f", and follows {_listed(causes)}" if causes else ""
        yield from (detail_text(d, name) + (also if k == 0 else "") for k, d in enumerate(e.details))
    elif e.change == "follows" and not e.renamed:
        yield f"{name} follows {_listed(e.follows) or 'from what it uses'}"


def _value(entry: Entry) -> str:
    if not entry.formula:
        return ""
    return f" {{{short(entry.formula)}}}" if ": " in entry.formula else f" = {short(entry.formula)}"


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:3]) + ([f"{len(names) - 3} more"] if len(names) > 3 else [])
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def detail_text(d: Detail, name: str) -> str:
    """One detail of the entry called `name`: `h: units 32 → 64`."""
    room = max(LONGEST - 8 - len(name) - len(d.label), 40)
    before = short(d.before, max(room // 2, room - len(d.after)))
    after = short(d.after, max(room // 2, room - len(before)))
    if d.kind == "operand":
        return f"{name} takes {after} in place of {before}"
    if d.kind == "stage":
        if before and after:
            return f"{name}: {before} → {after}"
        return f"{name}: {'without' if before else 'with'} {before or after} in its chain"
    label = {"init": "initial value ", "default": "default "}.get(d.label, f"{d.label} " if d.label else "")
    if not before:
        return f"{name}: {label}{after} is new"
    return f"{name}: {label}{before} → {after}" if after else f"{name}: {label}{before} is gone"


def _facts(e: EntryChange) -> str:
    a, b = e.before, e.after
    parts: list[str] = []
    if a is None or b is None:
        if e.entry.shape not in ("", "[]") and (e.entry.kind == "node" or "shape" not in e.entry.formula):
            parts.append(e.entry.shape)
        if e.entry.kind == "node" and e.entry.count:
            parts.append(change_text(e.entry.count, e.entry.count, "parameters"))
        return "   ".join(parts)
    if a.shape != b.shape and a.shape and b.shape:
        parts.append(f"{a.shape} → {b.shape}")
    if a.dtype != b.dtype and a.dtype and b.dtype:
        parts.append(f"{a.dtype} → {b.dtype}")
    if a.kind == "node" and a.count != b.count and bool(a.dtype) == bool(b.dtype):
        parts.append(f"{a.count:,} → {b.count:,} parameters")
    return "   ".join(parts)


# -- parameters of layers ----------------------------------------------------------------------------------------------


def _params(difference: Difference) -> Iterable[Line]:
    """The parameters that layers hold; where one layer has many, they are counted."""
    dtype = any(s.section == "dtype" for s in difference.settings)
    groups: dict[tuple[str, Sign], list[ParamChange]] = {}
    for p in difference.params:
        found = p.after or p.before
        assert found is not None
        base, dot, _ = found.name.partition(".")
        if not dot:
            continue
        if p.before is not None and p.after is not None:
            a, b = p.before, p.after
            if (a.shape, a.trainable) == (b.shape, b.trainable) and (a.dtype == b.dtype or dtype):
                continue
        sign: Sign = "~" if p.before and p.after else "+" if p.after else "-"
        groups.setdefault((base, sign), []).append(p)
    for (base, sign), found_ in groups.items():
        if len(found_) > MANY:
            before = sum(p.before.count for p in found_ if p.before is not None)
            after = sum(p.after.count for p in found_ if p.after is not None)
            numbers = f"{before:,} → {after:,} numbers" if sign == "~" else f"{before or after:,} numbers"
            yield Line(sign, f"{len(found_)} parameters of {base}", numbers)
        else:
            yield from (_param(p, sign) for p in found_)


def _param(p: ParamChange, sign: Sign) -> Line:
    a, b = p.before, p.after
    if a is None or b is None:
        one = a or b
        assert one is not None
        return Line(sign, one.name, f"{_dims(one.shape)}   {change_text(one.count, one.count, 'numbers')}")
    facts = [] if a.shape == b.shape else [f"{_dims(a.shape)} → {_dims(b.shape)}"]
    if a.count != b.count:
        facts.append(f"{a.count:,} → {b.count:,} numbers")
    if a.dtype != b.dtype:
        facts.append(f"{a.dtype} → {b.dtype}")
    if a.trainable != b.trainable:
        facts.append("is trained now" if b.trainable else "is not trained any more")
    return Line(sign, b.name if a.name == b.name else f"{b.name} (was {a.name})", "   ".join(facts))


def _dims(shape: Sequence[int]) -> str:
    return "[" + ", ".join(map(str, shape)) + "]"


# -- settings and cost -------------------------------------------------------------------------------------------------


def _setting(s: SettingChange) -> Line:
    name = (s.section if s.section in _SPEC else "") + (f" {s.key}" if s.key and s.section in _SPEC else s.key)
    if s.before is None:
        return Line("+", name, short(s.after or ""))
    if s.after is None:
        return Line("-", name, short(s.before))
    return Line("~", name, f"{short(s.before, 48)} → {short(s.after, 48)}")


def _cost(found: Totals) -> Iterable[Line]:
    if found.before is None or found.after is None:
        return
    a, b = found.before, found.after
    for name, one, other in (
        ("numbers in parameters", a.parameters, b.parameters),
        ("primitive steps forward", a.forward, b.forward),
        ("steps backward", a.backward, b.backward),
    ):
        if one != other:
            yield Line("~", name, f"{one:,} → {other:,} ({other - one:+,})")
    for name, before, after in (("multiply-adds forward", a.multiply_adds, b.multiply_adds), ("memory of all values", a.memory, b.memory)):
        if before != after:
            yield Line("~", name, f"{before} → {after}")
