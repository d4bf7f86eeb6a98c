"""Two specs compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from graphrun.changes.facts import Change, Detail, Difference, Entry, EntryChange, ParamChange, ParamFacts, SettingChange, Totals
from graphrun.changes.formulas import Text, compared, read_formula
from graphrun.changes.match import match
from graphrun.changes.settings import changed_settings
from graphrun.changes.side import Side, function_parts
from graphrun.changes.structure import same_steps

__all__ = ["compare"]


def compare(before: Side, after: Side) -> Difference:
    """Everything that changed from one spec to the other."""
    pairs = match(before.items(), after.items())
    moved = {a: b for a, b in pairs.items() if a != b}
    functions = _renamed_functions(before, after)
    settings = changed_settings(before, after, lambda text: text.renamed(moved, functions), moved)
    entries = _Entries(before, after, pairs, functions, settings).all()
    totals = Totals(before.cost, after.cost)
    params = _params(before, after, moved)
    return Difference((before.name, after.name), tuple(entries), params, settings, totals, (before.faults, after.faults))


def _renamed_functions(before: Side, after: Side) -> dict[str, str]:
    """Functions that have another name and are else the same: old name → new name."""
    one, other = before.spec.file.functions, after.spec.file.functions
    free = {tuple(sorted(function_parts(f).items())): name for name, f in reversed(list(other.items())) if name not in one}
    out: dict[str, str] = {}
    for name, function in one.items():
        found = None if name in other else free.pop(tuple(sorted(function_parts(function).items())), None)
        if found is not None:
            out[name] = found
    return out


class _Entries:
    """The entries of both specs, and what became of each."""

    def __init__(
        self, before: Side, after: Side, pairs: Mapping[str, str], functions: Mapping[str, str], settings: Sequence[SettingChange]
    ) -> None:
        self.before, self.after, self.pairs = before, after, pairs
        self.back = {b: a for a, b in pairs.items()}
        self.moved = {a: b for a, b in pairs.items() if a != b}
        self.functions = functions
        self.config = {s.key.partition(".")[0] for s in settings if s.section == "config"}
        self.rules = _touched(after, {s.key.partition(".")[0] for s in settings if s.section == "functions"})
        self.dtype = any(s.section == "dtype" for s in settings)
        both = before.built is not None and after.built is not None
        self.both = both
        self.same = same_steps(before, after, pairs) if both else dict.fromkeys(after.entries, True)
        self.causes: dict[str, tuple[str, ...]] = {}
        self.own: set[str] = set()  # what changed itself, by its name after

    def all(self) -> Iterable[EntryChange]:
        """Every entry, in the order of the second spec; what was removed stands before what followed it."""
        removed = [name for name in self.before.entries if name not in self.pairs]
        order = {name: k for k, name in enumerate(self.before.entries)}
        out = []
        for name, entry in self.after.entries.items():
            old = self.back.get(name)
            if old is not None:
                while removed and order[removed[0]] < order[old]:
                    out.append(EntryChange("removed", self.before.entries[removed.pop(0)], None))
                out.append(self._pair(self.before.entries[old], entry))
            else:
                self.causes[name] = self._from(entry) or (name,)
                out.append(EntryChange("added", None, entry))
        return [*out, *(EntryChange("removed", self.before.entries[name], None) for name in removed)]

    def _pair(self, a: Entry, b: Entry) -> EntryChange:
        details = self._details(a, b)
        change: Change = "same"
        if details and all(d.kind == "operand" for d in details):
            change = "rewired"
        elif details:
            change = "changed"
            facts = (a.shape, a.dtype, a.count) == (b.shape, b.dtype, b.count)
            if a.kind == "node" and facts and self.same[b.name] and self.both:
                change = "rewritten"
        follows: tuple[str, ...] = ()
        if change in ("same", "rewired") and self._differs(a, b):
            follows = self._from(b)
            change = "follows" if change == "same" else change
        if change == "changed":
            self.own.add(b.name)
        elif change in ("follows", "rewired"):
            self.causes[b.name] = follows or self._from(b) or ((b.name,) if change == "rewired" else ())
        return EntryChange(change, a, b, details, follows)

    def _differs(self, a: Entry, b: Entry) -> bool:
        return self.both and ((a.shape, a.dtype, a.count) != (b.shape, b.dtype, b.count) or not self.same[b.name])

    def _details(self, a: Entry, b: Entry) -> tuple[Detail, ...]:
        if a.kind == "node":
            old = self.before.texts[a.name].renamed(self.moved, self.functions)
            return compared(old, self.after.texts[b.name], self.after.arguments)
        one, other = self.before.parts[a.name], self.after.parts[b.name]
        keys = dict.fromkeys([*one, *other])
        return tuple(Detail("fact", key, one.get(key, ""), other.get(key, "")) for key in keys if one.get(key) != other.get(key))

    def _from(self, b: Entry) -> tuple[str, ...]:
        """What an entry's change comes from: settings and functions that it uses, then operands, each traced to where it began."""
        text = self.after.texts.get(b.name)
        found: dict[str, None] = {}
        words = {name.partition(".")[0] for name in text.names} if text is not None else set(_words(self.after.parts[b.name].values()))
        found.update(dict.fromkeys(name for name in self.after.spec.model.config if name in self.config and name in words))
        if text is not None:
            found.update(dict.fromkeys(name for name in (*text.calls, *text.names) if name in self.rules))
        for operand in b.operands:
            if operand in self.own:
                found[operand] = None
            else:
                found.update(dict.fromkeys(self.causes.get(operand, ())))
        if not found and self.dtype:
            found["dtype"] = None
        found.pop(b.name, None)
        return tuple(found)


def _words(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        for name in read_formula(text).names:
            yield name.partition(".")[0]


def _touched(side: Side, changed: set[str]) -> set[str]:
    """The functions of a file that changed, and those that call one of them."""
    functions = side.spec.file.functions
    users: dict[str, list[str]] = {}
    for name, function in functions.items():
        for text in _bodies(function_parts(function)):
            for used in (*text.calls, *text.names):
                if used in functions:
                    users.setdefault(used, []).append(name)
    out, stack = set(changed), list(changed)
    while stack:
        for name in users.get(stack.pop(), ()):
            if name not in out:
                out.add(name)
                stack.append(name)
    return out


def _bodies(parts: Mapping[str, str]) -> Iterable[Text]:
    return (read_formula(text) for key, text in parts.items() if key == "returns" or key.startswith("nodes."))


def _params(before: Side, after: Side, moved: Mapping[str, str]) -> tuple[ParamChange, ...]:
    """The parameters that are not what they were, in the second spec's order, then those that are gone."""

    def now(name: str) -> str:
        base, dot, rest = name.partition(".")
        return moved.get(base, base) + dot + rest

    if before.built is None or after.built is None:
        return ()
    old: dict[str, ParamFacts] = {now(name): p for name, p in before.params.items()}
    out = []
    for name, p in after.params.items():
        was = old.get(name)
        if was != p:
            out.append(ParamChange(was, p))
    return (*out, *(ParamChange(p, None) for name, p in old.items() if name not in after.params))
