"""`einsum` as transposes, products and sums: the string is read here, and what it says is made of other operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphrun.ir.opdef import OpDef
from graphrun.ir.types import Dim, OpFault, Shape, shape_text, size
from graphrun.ops.arithmetic import MUL
from graphrun.ops.elementary import IDENTITY
from graphrun.ops.layout import EXPAND_DIMS, RESHAPE, SQUEEZE, TRANSPOSE
from graphrun.ops.linalg import MATMUL
from graphrun.ops.matrices import DIAGONAL
from graphrun.ops.sums import SUM

__all__ = ["einsum"]

Emit = Callable[[OpDef, Sequence[int], dict[str, Any]], int]
Label = str
"""A letter; the axes of an ellipsis are `.0`, `.1`, …, counted from the last."""

EXAMPLE = "it has the form 'ij,jk->ik': letters for the axes of each operand, and those of the result"


@dataclass(frozen=True, slots=True)
class _Term:
    """A node with a label for each axis."""

    node: int
    labels: tuple[Label, ...]


def einsum(emit: Emit, shape: Callable[[int], Shape], equation: str, operands: Sequence[int]) -> int:
    """The node that `equation` makes of the operands (torch.einsum): letters that stand twice are multiplied along, those that the result
    lacks are summed over. `emit` adds a node, `shape` gives one's shape. Raises OpFault."""
    return _Einsum(emit, shape, equation).run(operands)


class _Einsum:
    def __init__(self, emit: Emit, shape: Callable[[int], Shape], equation: str) -> None:
        self.emit, self.shape, self.equation = emit, shape, equation

    def run(self, operands: Sequence[int]) -> int:
        left, arrow, right = self.equation.replace(" ", "").partition("->")
        texts = left.split(",")
        if len(texts) != len(operands):
            given = f"{len(operands)} {'is' if len(operands) == 1 else 'are'} given"
            raise self.fault(f"`einsum` describes {_operands(len(texts))} in '{self.equation}', and {given}")
        named = [self.labels(text, len(self.shape(i)), k) for k, (text, i) in enumerate(zip(texts, operands, strict=True))]
        out = self.result(named, right if arrow else None)
        self.check_sizes(named, operands)
        terms = [self.diagonals(_Term(i, labels)) for i, labels in zip(operands, named, strict=True)]
        term = terms[0]
        for k, other in enumerate(terms[1:], 1):
            needed = {*out, *(label for t in terms[k + 1 :] for label in t.labels)}
            term = self.product(term, other, needed)
        term = self.arranged(self.summed(term, set(out)), out)
        return term.node if term.node not in operands else self.emit(IDENTITY, [term.node], {})

    def fault(self, message: str, operands: Sequence[int] = (), notes: Sequence[str] = ()) -> OpFault:
        return OpFault(message, code="shape-mismatch", operands=operands, notes=notes, help=EXAMPLE)

    # -- reading --------------------------------------------------------------------------------------------------

    def labels(self, text: str, rank: int, k: int) -> tuple[Label, ...]:
        """The labels of operand k."""
        before, dots, after = text.partition("...")
        letters = before + after
        if not all(c.isascii() and c.isalpha() for c in letters):
            wrong = next(c for c in letters if not (c.isascii() and c.isalpha()))
            raise self.fault(f"'{wrong}' cannot stand in the equation of `einsum`: '{self.equation}'")
        if len(letters) > rank or (not dots and len(letters) != rank):
            raise self.fault(f"'{text}' names {len(letters)} axes, and {{{k}}} has {rank}", operands=(k,))
        hidden = tuple(f".{j}" for j in reversed(range(rank - len(letters)))) if dots else ()
        return (*before, *hidden, *after)

    def result(self, named: Sequence[tuple[Label, ...]], text: str | None) -> tuple[Label, ...]:
        """The labels of the result; where none are written, those that stand once, in the order of the alphabet."""
        every = [label for labels in named for label in labels]
        hidden = tuple(sorted({x for x in every if x[0] == "."}, key=lambda x: -int(x[1:])))
        if text is None:
            return (*hidden, *sorted(x for x in set(every) if x[0] != "." and every.count(x) == 1))
        before, dots, after = text.partition("...")
        for c in before + after:
            if c not in every:
                raise self.fault(f"'{c}' of the result is not an axis of any operand in '{self.equation}'")
        if len(set(before + after)) != len(before + after):
            raise self.fault(f"an axis stands twice in the result of '{self.equation}'")
        return (*before, *hidden, *after) if dots else (*before, *after)

    def check_sizes(self, named: Sequence[tuple[Label, ...]], operands: Sequence[int]) -> None:
        """Axes of one label have one size, or 1."""
        seen: dict[Label, tuple[Dim, int]] = {}
        for k, (labels, i) in enumerate(zip(named, operands, strict=True)):
            for label, d in zip(labels, self.shape(i), strict=True):
                have, first = seen.get(label, (d, k))
                if have not in (d, 1) and d != 1:
                    what = f"'{label}'" if label[0] != "." else "an axis of the ellipsis"
                    raise self.fault(
                        f"the sizes in '{self.equation}' do not agree",
                        operands=tuple(dict.fromkeys((first, k))),
                        notes=[f"{what} is {have} in {{{first}}} and {d} in {{{k}}}"],
                    )
                if label not in seen or have == 1:
                    seen[label] = (d, k)

    # -- computing ------------------------------------------------------------------------------------------------

    def diagonals(self, term: _Term) -> _Term:
        """Letters that stand twice in one operand take its diagonal."""
        labels = list(term.labels)
        node = term.node
        for label in dict.fromkeys(labels):
            while labels.count(label) > 1:
                first = labels.index(label)
                second = labels.index(label, first + 1)
                sizes = self.shape(node)
                if sizes[first] != sizes[second]:
                    raise self.fault(f"'{label}' stands for axes of {sizes[first]} and {sizes[second]} in {shape_text(sizes)}")
                node = self.emit(DIAGONAL, [node], {"dim1": first, "dim2": second})
                labels = [x for k, x in enumerate(labels) if k not in (first, second)] + [label]
        return _Term(node, tuple(labels))

    def summed(self, term: _Term, kept: set[Label]) -> _Term:
        gone = tuple(k for k, label in enumerate(term.labels) if label not in kept)
        if not gone:
            return term
        node = self.emit(SUM, [term.node], {"axis": gone})
        return _Term(node, tuple(x for x in term.labels if x in kept))

    def product(self, a: _Term, b: _Term, needed: set[Label]) -> _Term:
        """Both multiplied: labels of both that nothing needs later are summed over, by a matrix product."""
        a, b = self.stretched(a, b), self.stretched(b, a)
        a, b = self.summed(a, needed | set(b.labels)), self.summed(b, needed | set(a.labels))
        shared = [x for x in a.labels if x in b.labels]
        batch = tuple(x for x in shared if x in needed)
        inner = tuple(x for x in shared if x not in needed)
        left = tuple(x for x in a.labels if x not in shared)
        right = tuple(x for x in b.labels if x not in shared)
        if not inner:
            return self.elementwise(a, b, batch, left, right)
        sizes = {**dict(zip(b.labels, self.shape(b.node), strict=True)), **dict(zip(a.labels, self.shape(a.node), strict=True))}
        x = self.merged(self.arranged(a, (*batch, *left, *inner)), [batch, left, inner], sizes)
        y = self.merged(self.arranged(b, (*batch, *inner, *right)), [batch, inner, right], sizes)
        node = self.emit(MATMUL, [x, y], {})
        want = tuple(sizes[k] for k in (*batch, *left, *right))
        if self.shape(node) != want:
            node = self.emit(RESHAPE, [node], {"shape": want})
        return _Term(node, (*batch, *left, *right))

    def stretched(self, a: _Term, b: _Term) -> _Term:
        """`a` without the axes of size one that are longer in b: they are repeated along b's."""
        others = dict(zip(b.labels, self.shape(b.node), strict=True))
        gone = tuple(k for k, (x, d) in enumerate(zip(a.labels, self.shape(a.node), strict=True)) if d == 1 and others.get(x, 1) != 1)
        if not gone:
            return a
        return _Term(self.emit(SQUEEZE, [a.node], {"axis": gone}), tuple(x for k, x in enumerate(a.labels) if k not in gone))

    def elementwise(self, a: _Term, b: _Term, batch: tuple[Label, ...], left: tuple[Label, ...], right: tuple[Label, ...]) -> _Term:
        x, y = self.arranged(a, (*batch, *left)).node, self.arranged(b, (*batch, *right)).node
        n, m, k = len(batch), len(left), len(right)
        if k and (m or n):
            x = self.emit(EXPAND_DIMS, [x], {"axis": tuple(range(n + m, n + m + k))}) if m or n else x
        if m and (k or n):
            y = self.emit(EXPAND_DIMS, [y], {"axis": tuple(range(n, n + m))})
        return _Term(self.emit(MUL, [x, y], {}), (*batch, *left, *right))

    def arranged(self, term: _Term, labels: tuple[Label, ...]) -> _Term:
        """The axes in that order."""
        if term.labels == labels:
            return term
        axes = tuple(term.labels.index(x) for x in labels)
        return _Term(self.emit(TRANSPOSE, [term.node], {"axes": axes}), labels)

    def merged(self, term: _Term, groups: Sequence[tuple[Label, ...]], sizes: dict[Label, Dim]) -> int:
        """The first group as axes of their own, each of the other two as one axis."""
        want = (*(sizes[x] for x in groups[0]), *(size([sizes[x] for x in group]) for group in groups[1:]))
        return term.node if self.shape(term.node) == want else self.emit(RESHAPE, [term.node], {"shape": want})


def _operands(n: int) -> str:
    return "one operand" if n == 1 else f"{n} operands"
