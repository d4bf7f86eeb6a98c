"""Dimensions, shapes and dtypes, and the fault that a shape rule raises."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = [
    "BOOL",
    "DType",
    "Dim",
    "OpFault",
    "Shape",
    "Sym",
    "TensorType",
    "bind_dim",
    "broadcast",
    "entries",
    "is_real",
    "promote",
    "refuse_too_large",
    "shape_text",
    "size",
    "sym",
]

DType: TypeAlias = Literal["float64", "float32", "int64", "bool"]
BOOL: DType = "bool"


@dataclass(frozen=True, slots=True)
class Sym:
    """A symbolic dimension: a polynomial with whole coefficients over dimension names, in a canonical order.

    `terms` holds (names, coefficient) with names sorted; the constant term has no names. Never a plain number:
    arithmetic that comes out as a number gives an int.
    """

    terms: tuple[tuple[tuple[str, ...], int], ...]

    def __add__(self, other: Dim) -> Dim:
        return _make([*self.terms, *_terms(other)])

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return _make([(names, -k) for names, k in self.terms])

    def __sub__(self, other: Dim) -> Dim:
        return self + (-other)

    def __rsub__(self, other: Dim) -> Dim:
        return -self + other

    def __mul__(self, other: Dim) -> Dim:
        return _make([(tuple(sorted(a + b)), j * k) for a, j in self.terms for b, k in _terms(other)])

    __rmul__ = __mul__

    def divide(self, other: Dim) -> Dim | None:
        """self / other where that comes out whole for every value of the names, or None."""
        if isinstance(other, int):
            if other == 0 or any(k % other for _, k in self.terms):
                return None
            return _make([(names, k // other) for names, k in self.terms])
        if len(other.terms) == 1:
            under, by = other.terms[0]
            out = []
            for names, k in self.terms:
                left = list(names)
                for name in under:
                    if name not in left:
                        return None
                    left.remove(name)
                if k % by:
                    return None
                out.append((tuple(left), k // by))
            return _make(out)
        return 1 if self == other else None

    def names(self) -> frozenset[str]:
        """The names of dimensions in it."""
        return frozenset(name for names, _ in self.terms for name in names)

    def __str__(self) -> str:
        parts = []
        for names, k in self.terms:
            factors = [str(k)] if k != 1 or not names else []
            parts.append("*".join([*factors, *names]))
        return " + ".join(parts).replace("+ -", "- ")

    __repr__ = __str__


Dim: TypeAlias = int | Sym
Shape: TypeAlias = tuple[Dim, ...]


def _terms(d: Dim) -> tuple[tuple[tuple[str, ...], int], ...]:
    return d.terms if isinstance(d, Sym) else (((), d),)


def _make(terms: Sequence[tuple[tuple[str, ...], int]]) -> Dim:
    total: dict[tuple[str, ...], int] = {}
    for names, k in terms:
        total[names] = total.get(names, 0) + k
    kept = sorted(((n, k) for n, k in total.items() if k), key=lambda t: (not t[0], t))
    if not kept:
        return 0
    if len(kept) == 1 and not kept[0][0]:
        return kept[0][1]
    return Sym(tuple(kept))


def sym(name: str) -> Sym:
    """The dimension of that name."""
    return Sym((((name,), 1),))


def bind_dim(d: Dim, sizes: Mapping[str, int]) -> Dim:
    """`d` with the names in `sizes` replaced by their numbers."""
    if isinstance(d, int):
        return d
    out: Dim = 0
    for names, k in d.terms:
        term: Dim = k
        for name in names:
            term = term * (sizes[name] if name in sizes else sym(name))
        out = out + term
    return out


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape and dtype of a value."""

    shape: Shape
    dtype: DType

    def __str__(self) -> str:
        return f"{self.dtype} {shape_text(self.shape)}"


def shape_text(shape: Sequence[Dim]) -> str:
    """`[batch, 64]`; `[]` for a scalar."""
    return "[" + ", ".join(str(d) for d in shape) + "]"


def refuse_too_large(shape: Sequence[Dim]) -> None:
    """Raises the fault that no machine holds an array of this shape: of more than 2^50 elements, for a batch of one."""
    out = 1
    for d in shape:
        out *= max(1, d if isinstance(d, int) else max(abs(factor) for _, factor in d.terms))
    if out > 1 << 50:
        raise OpFault(
            f"an array of shape {shape_text(shape)} is more than any machine holds", code="memory", help="make its sizes smaller"
        )


def entries(shape: Iterable[Dim]) -> int:
    """The number of elements where each dimension without a fixed size counts once."""
    return math.prod(d for d in shape if isinstance(d, int))


def size(shape: Sequence[Dim]) -> Dim:
    """The number of elements."""
    out: Dim = 1
    for d in shape:
        out = out * d
    return out


def is_real(dtype: DType) -> bool:
    """Whether values of `dtype` have gradients."""
    return dtype == "float64" or dtype == "float32"


_RANK: dict[DType, int] = {"bool": 0, "int64": 1, "float32": 2, "float64": 3}


def promote(*dtypes: DType) -> DType:
    """The dtype in which values of `dtypes` meet: bool < int64 < float32 < float64."""
    return max(dtypes, key=_RANK.__getitem__)


class OpFault(Exception):
    """What a shape rule raises: the operands do not fit. The build adds the place and where each operand came from.

    `operands` are the positions of the inputs at fault, `notes` what was expected and found, `help` one way to mend it.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "shape-mismatch",
        operands: Sequence[int] = (),
        notes: Sequence[str] = (),
        help: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.operands = tuple(operands)
        self.notes = tuple(notes)
        self.help = help


def broadcast(a: Shape, b: Shape, what: str = "combine") -> Shape:
    """NumPy's broadcasting of two shapes; a symbolic dimension equals only itself, or meets a 1."""
    if a == b:
        return a
    n = max(len(a), len(b))
    left = (1,) * (n - len(a)) + a
    right = (1,) * (n - len(b)) + b
    out: list[Dim] = []
    for k, (x, y) in enumerate(zip(left, right, strict=True)):
        if x != y and x != 1 and y != 1:
            raise OpFault(
                f"cannot {what} {shape_text(a)} and {shape_text(b)}",
                operands=(0, 1),
                notes=[
                    f"sizes must be equal, or one of them 1: {x} against {y}, {n - k} from the end"
                    if n > 1
                    else f"sizes must be equal, or one of them 1: {x} against {y}"
                ],
            )
        out.append(y if x == 1 else x)
    return tuple(out)
