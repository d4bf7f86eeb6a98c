"""Memory of a step's arrays: which buffers live when, which can share their bytes, and which new values of slots are computed in place."""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphrun.engines.array_code import in_place
from graphrun.engines.emit import Code
from graphrun.engines.plan import BUFFERS, Plan
from graphrun.engines.statements import Stmt

__all__ = ["Memory", "lay_out"]

LINE = 64  # bytes; buffers begin on cache lines


@dataclass(frozen=True, slots=True)
class Memory:
    """The arrays that generated code names, the buffers of the slots, and the bytes that are used for all but slots and what is kept."""

    arrays: Mapping[str, Any]
    slots: Mapping[int, Any]
    nbytes: int


def lay_out(code: Code) -> Memory:
    """Allocates what `code` needs; drops from `code.moves` the slots whose new value is computed in their place."""
    p = code.plan
    direct = _direct(code)
    code.moves = [s for s in code.moves if s.writes not in direct.values()]
    order = [*code.each, *code.late, *code.moves]
    spans = _spans(code, order)
    arena = _Arena()
    blocks = _blocks(p, order, spans, direct, arena)
    memory = np.zeros(arena.top + LINE, np.uint8)
    base = -memory.ctypes.data % LINE
    arrays: dict[int, Any] = {}
    for i in reversed(p.nodes()):
        if p.kind[i] in BUFFERS and i not in arrays:
            arrays[i] = _buffer(code, i, arrays, direct, blocks, memory, base)
    for i in p.nodes():
        if p.kind[i] == "view":
            (j,) = p.inputs(i)
            arrays[i] = p.graph.op(i).kernel(np, arrays[j], **p.graph.attrs(i))
        elif p.kind[i] == "const" and not p.is_scalar(i):
            arrays[i] = p.value[i]
    for t, (shape, dtype) in code.extra.items():
        arrays[t] = np.empty(shape, dtype)
    named = {name: arrays[i] for name, i in code.buffers.items()}
    named.update({name: cut(arrays[i]) for name, (i, cut) in code.stretches.items()})
    return Memory(named, {i: arrays[i] for i in p.nodes() if p.kind[i] == "slot"}, arena.top)


def _buffer(
    code: Code, i: int, arrays: Mapping[int, Any], direct: Mapping[int, int], blocks: Mapping[int, int], memory: Any, base: int
) -> Any:
    p = code.plan
    if i in p.home:
        return p.home[i].cut(arrays[p.home[i].of])
    shape, dtype = p.graph.shape(i), p.graph.dtype(i)
    if i in direct:
        return _slot_array(arrays, direct[i], shape, dtype)
    if i in blocks:
        return np.ndarray(shape, dtype, buffer=memory, offset=base + blocks[i])  # type: ignore[arg-type]
    return np.zeros(shape, dtype)


def _slot_array(arrays: Any, slot: int, shape: Any, dtype: Any) -> Any:
    """The buffer of a slot: made before its turn, as an update comes after the leaf."""
    if slot not in arrays:
        arrays[slot] = np.zeros(shape, dtype)
    return arrays[slot]


def _direct(code: Code) -> dict[int, int]:
    """Update → slot, for updates that can be computed in the slot: by one call, after which nothing can raise and nothing reads the old
    value."""
    p = code.plan
    pairs: dict[int, int] = {}
    for s in code.moves:
        if s.writes is not None and len(s.reads) == 1:
            u = s.reads[0]
            if u in pairs:
                pairs[u] = -1  # it is the new value of two slots
            elif p.kind[u] == "own" and p.stage[u] == 2 and u not in p.home and in_place(p.graph, u) and p.roots[u] == frozenset((u,)):
                pairs[u] = s.writes
    slot_of = {u: i for u, i in pairs.items() if i >= 0}
    safe: dict[int, int] = {}
    read_later: set[int] = set()  # roots that a later statement reads
    moved = set(slot_of.values())
    for s in reversed([*code.late, *code.moves]):
        if s.writes in slot_of and s.writes is not None and slot_of[s.writes] not in read_later:
            safe[s.writes] = slot_of[s.writes]
        for j in s.reads:
            read_later |= p.roots.get(j, frozenset()) & moved
    return safe


def _spans(code: Code, order: list[Stmt]) -> dict[int, tuple[int, int]]:
    """For each buffer that may share its bytes the first and the last statement that touches it."""
    p = code.plan
    end = len(order)
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for at, s in enumerate(order):
        touched = list(s.reads)
        if s.writes is not None:
            touched.append(s.writes)
        for j in touched:
            for r in p.roots.get(j, ()):
                first.setdefault(r, at)
                last[r] = at
    for node in p.step.outputs.values():
        for r in p.roots.get(p.same[node], ()):
            last[r] = end
    fixed = {r for r in first if r in code.extra or p.kind[r] != "own" or p.stage[r] != 2 or r in code.zeroed}
    return {r: (at, last[r]) for r, at in first.items() if r not in fixed}


def _blocks(p: Plan, order: list[Stmt], spans: Mapping[int, tuple[int, int]], direct: Mapping[int, int], arena: _Arena) -> dict[int, int]:
    """The offset of each buffer that shares memory."""
    begin: dict[int, list[int]] = {}
    finish: dict[int, list[int]] = {}
    for r, (a, z) in spans.items():
        if r not in direct:
            begin.setdefault(a, []).append(r)
            finish.setdefault(z, []).append(r)
    offset: dict[int, int] = {}
    taken: set[int] = set()
    for at in range(len(order)):
        for r in begin.get(at, ()):
            heir = _heir(p, r, order[at], finish.get(at, ()), offset, taken)
            if heir is not None:
                taken.add(heir)
                offset[r] = offset[heir]
            else:
                offset[r] = arena.take(p.proto[r].nbytes)
        for r in finish.get(at, ()):
            if r not in taken:
                arena.give(offset[r], p.proto[r].nbytes)
    return offset


def _heir(p: Plan, r: int, s: Stmt, ending: Any, offset: Mapping[int, int], taken: set[int]) -> int | None:
    """A buffer that ends with the statement that begins r, and that r may be computed over."""
    if s.writes != r or not in_place(p.graph, r):
        return None
    for old in ending:
        for j in s.reads:
            whole = p.roots.get(j) == frozenset((old,)) and j in p.proto and p.proto[j].nbytes == p.proto[old].nbytes
            if whole and old in offset and old not in taken and old != r and p.proto[j].dtype == p.proto[r].dtype:
                same = p.proto[j].shape == p.proto[r].shape and p.proto[j].strides == p.proto[r].strides
                if same and p.proto[j].flags.c_contiguous:
                    return int(old)
    return None


@dataclass
class _Arena:
    """Bytes handed out and taken back: the smallest free stretch that is large enough, else more at the end."""

    top: int = 0
    free: list[tuple[int, int]] = field(default_factory=list)  # (offset, size), by offset

    def take(self, size: int) -> int:
        size = max(LINE, -(-size // LINE) * LINE)
        best = min((k for k, (_, have) in enumerate(self.free) if have >= size), key=lambda k: self.free[k][1], default=None)
        if best is None:
            if self.free and sum(self.free[-1]) == self.top:  # the last stretch can grow
                at, _ = self.free.pop()
                self.top = at + size
                return at
            self.top += size
            return self.top - size
        at, have = self.free.pop(best)
        if have > size:
            insort(self.free, (at + size, have - size))
        return at

    def give(self, at: int, size: int) -> None:
        size = max(LINE, -(-size // LINE) * LINE)
        insort(self.free, (at, size))
        k = self.free.index((at, size))
        for left in (k, k - 1):
            if 0 <= left < len(self.free) - 1:
                a, n = self.free[left]
                b, m = self.free[left + 1]
                if a + n == b:
                    self.free[left : left + 2] = [(a, n + m)]
