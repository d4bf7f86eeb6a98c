"""Which entry of one spec is which of the other: by name, else by what it computes and where it is used.

Nothing here is recursive, and each way takes time in proportion to entries and arrows.
"""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Item", "match"]

_NUMBER = re.compile(r"(?<![\w.])\d[\d._]*(?:e[-+]?\d+)?")
ROUNDS = (8, 3, 1)


@dataclass(slots=True, eq=False)
class Item:
    """An entry as it is matched: `shape` of its formula with holes, the operands in the holes, and what else it must have in common.

    An operand is (name of an entry, what stands behind it: `.weight`); a name that is not an entry's has the first part empty.
    """

    name: str
    kind: str
    skeleton: str
    operands: Sequence[tuple[str, str]]
    facts: Hashable = None  # of an input or parameter: its shape, dtype and value
    users: list[tuple[str, int]] = field(default_factory=list)  # (entry, which hole of it)


Side = Mapping[str, Item]


def match(before: Side, after: Side) -> dict[str, str]:
    """Name before → name after, for every entry that is in both."""
    pairs = {name: name for name, item in before.items() if name in after and after[name].kind == item.kind}
    _use(before)
    _use(after)
    work = _Work(before, after, pairs)
    while work.left():
        found = work.spread(_read, _used, lambda i, ids: (i.kind, i.skeleton, _operands(i, ids)), leaves=False)
        found += work.spread(_used, _read, lambda i, ids: (i.kind, i.skeleton, i.facts, _uses(i, ids)), leaves=True)
        for rounds in ROUNDS:
            found = found or work.coloured(rounds)
        if not found:
            found = work.spread(_used, _read, lambda i, ids: (i.kind, _loose(i), i.facts, _uses(i, ids)), leaves=True)
        if not (found or work.share_a_user()):
            break
    return work.pairs


def _use(side: Side) -> None:
    for item in side.values():
        item.users.clear()
    for item in side.values():
        for k, (name, _) in enumerate(item.operands):
            if name in side:
                side[name].users.append((item.name, k))


def _read(item: Item) -> Iterable[str]:
    return (name for name, _ in item.operands if name)


def _used(item: Item) -> Iterable[str]:
    return (name for name, _ in item.users)


def _operands(item: Item, ids: Mapping[str, int]) -> Hashable:
    return tuple((ids.get(name, -1), rest) for name, rest in item.operands)


def _uses(item: Item, ids: Mapping[str, int]) -> Hashable:
    return tuple(sorted((ids[name], k) for name, k in item.users))


def _loose(item: Item) -> str:
    """The formula without its numbers."""
    return _NUMBER.sub("#", item.skeleton)


Near = Callable[[Item], Iterable[str]]
Key = Callable[[Item, Mapping[str, int]], Hashable]


class _Work:
    """What is matched so far. Both entries of a pair have one number."""

    def __init__(self, before: Side, after: Side, pairs: dict[str, str]) -> None:
        self.sides = (before, after)
        self.pairs = pairs
        self.ids: tuple[dict[str, int], dict[str, int]] = ({}, {})
        for a, b in pairs.items():
            self._number(a, b)

    def _number(self, a: str, b: str) -> None:
        self.ids[0][a] = self.ids[1][b] = len(self.ids[0])

    def left(self) -> bool:
        """Whether both sides have entries that are not matched."""
        return all(len(ids) < len(side) for ids, side in zip(self.ids, self.sides, strict=True))

    def pair(self, a: str, b: str) -> None:
        """Takes two entries for the same."""
        self.pairs[a] = b
        self._number(a, b)

    def spread(self, near: Near, back: Near, key: Key, *, leaves: bool) -> int:
        """Matches entries all of whose neighbours (`near`) are matched and whose keys are equal; each match may make others ready."""
        waiting: tuple[dict[str, int], dict[str, int]] = ({}, {})
        ready: deque[tuple[int, str]] = deque()
        for s, side in enumerate(self.sides):
            for name, item in side.items():
                if name in self.ids[s] or not (leaves or item.kind == "node"):
                    continue
                around = set(near(item))
                if not around:
                    continue
                waiting[s][name] = sum(1 for n in around if n not in self.ids[s])
                if not waiting[s][name]:
                    ready.append((s, name))
        table: dict[Hashable, tuple[deque[str], deque[str]]] = defaultdict(lambda: (deque(), deque()))
        found = 0
        while ready:
            s, name = ready.popleft()
            if name in self.ids[s]:
                continue
            slot = table[key(self.sides[s][name], self.ids[s])]
            if not slot[1 - s]:
                slot[s].append(name)
                continue
            other = slot[1 - s].popleft()
            a, b = (name, other) if s == 0 else (other, name)
            self.pair(a, b)
            found += 1
            for t, at in ((0, a), (1, b)):
                for n in set(back(self.sides[t][at])):
                    if n in waiting[t] and n not in self.ids[t]:
                        waiting[t][n] -= 1
                        if not waiting[t][n]:
                            ready.append((t, n))
        return found

    def share_a_user(self) -> int:
        """Matches entries of like formulas that stand at one place in a formula of a matched entry."""
        table: dict[Hashable, str] = {}
        for a, item in self.sides[0].items():
            if a not in self.ids[0]:
                table |= {(self.ids[0][user], k, item.kind, _loose(item), item.facts): a for user, k in item.users if user in self.ids[0]}
        found = 0
        for b, item in self.sides[1].items():
            if b in self.ids[1]:
                continue
            keys = [(self.ids[1][user], k, item.kind, _loose(item), item.facts) for user, k in item.users if user in self.ids[1]]
            other = next((table[key] for key in keys if key in table and table[key] not in self.ids[0]), None)
            if other is not None:
                self.pair(other, b)
                found += 1
        return found

    def coloured(self, rounds: int) -> int:
        """Matches entries whose surroundings look the same to a distance of `rounds`, where both sides have equally many of them."""
        colours: list[dict[str, int]] = []
        for ids, side in zip(self.ids, self.sides, strict=True):
            start: dict[str, int] = {
                name: hash(("matched", ids[name]) if name in ids else (item.kind, item.skeleton, item.facts)) for name, item in side.items()
            }
            open_ = [(name, item) for name, item in side.items() if name not in ids]
            for _ in range(rounds):
                new = {
                    name: hash(
                        (
                            start[name],
                            tuple((start.get(n, 0), rest) for n, rest in item.operands),
                            tuple(sorted((start[n], k) for n, k in item.users)),
                        )
                    )
                    for name, item in open_
                }
                start.update(new)
            colours.append({name: start[name] for name, _ in open_})
        classes: dict[int, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
        for s in (0, 1):
            for name, colour in colours[s].items():
                classes[colour][s].append(name)
        found = 0
        for left, right in classes.values():
            if len(left) == len(right):
                for a, b in zip(left, right, strict=True):
                    self.pair(a, b)
                    found += 1
        return found
