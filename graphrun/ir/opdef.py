"""What an operation is: one frozen record, with everything about it in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from graphrun.ir.types import Dim, TensorType

if TYPE_CHECKING:
    from graphrun.ir.builder import Builder
    from graphrun.ir.graph import Node

__all__ = ["Attr", "Attrs", "Case", "Notation", "OpDef", "Part"]

Attrs: TypeAlias = Mapping[str, Any]
"""Attribute values are hashable: int, float, bool, str, None, Sym, and tuples of these."""

_INNER = frozenset({"dtype", "key", "seed", "offset"})
"""Attributes of kind `any` that the build sets."""

AttrKind = Literal["int", "number", "bool", "axis", "axes", "dim", "shape", "dtype", "text", "ints", "padding", "any"]


@dataclass(frozen=True, slots=True)
class Attr:
    """An attribute of an operation: its name, kind, and default (`required` where there is none).

    Kinds: `int` a whole number; `number` a real one; `axis` one axis; `axes` an axis, a list of them or none; `dim` a
    dimension (whole number or symbolic); `shape` a list of dimensions, or one; `dtype`; `text`; `ints` whole number or
    list of them; `padding` the same or a text; `any` what the build makes itself.
    """

    name: str
    kind: AttrKind
    default: Any = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Notation:
    """How a person writes the operation: a template over `{0}`, `{1}`, … and attribute names, and how tightly it binds.

    `binding`: 10 sum, 20 product, 25 unary minus, 30 power, 40 a call or a name. An operand is put in brackets where its own
    binding is looser than its entry in `operands` (empty: the operation's own binding for each).
    """

    template: str
    binding: int = 40
    operands: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A cotangent that covers only a part of the operand: `g` belongs to `operand[index]`, all else is zero.

    `index` has one (start, stop, step) with numbers for each axis (step > 0), or None where the whole axis is meant.
    The walker joins the parts of one value by one concat instead of adding padded arrays.
    """

    g: int
    index: tuple[tuple[Dim, Dim, int] | None, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A row of the gradient table: operand shapes, attributes, and where the operands are drawn from.

    `domain` is (low, high) of uniform values; `dtypes` of operands (`float64` where not given); ints are drawn from 0 to high.
    """

    shapes: tuple[tuple[int, ...], ...]
    attrs: Attrs = field(default_factory=dict)
    domain: tuple[float, float] = (-2.0, 2.0)
    dtypes: tuple[str, ...] = ()
    second: bool = True  # whether second derivatives are checked too


Infer: TypeAlias = Callable[[Sequence[TensorType], Attrs], TensorType]
Prepare: TypeAlias = Callable[[Sequence[TensorType], Attrs], Attrs]
Vjp: TypeAlias = "Callable[[Builder, Node, int], Sequence[int | Part | None]]"
Kernel: TypeAlias = Callable[..., Any]
Rows: TypeAlias = "Callable[[Builder, Node, Sequence[int], Sequence[bool], Dim], int]"


@dataclass(frozen=True, slots=True, eq=False)
class OpDef:
    """An operation.

    name      as in the language
    doc       what it computes, with the source of the formula or of the semantics
    formula   as a person writes it: `max(0, x)`
    arrays    names of the operands, in order; with `variadic` one name, for a list of operands
    optional  so many of the last operands may be left out
    attrs     attributes in their documented order (after the arrays)
    infer     (types, attrs) -> type of the result; raises OpFault
    prepare   (types, attrs) -> attrs in canonical form (axes made non-negative, sizes resolved), run before `infer`
    vjp       (builder, node, g) -> for each operand the cotangent (a node, or Part), or None where there is none.
              The cotangent may have the broadcast shape: the walker undoes broadcasting.
    kernel    kernel(xp, *arrays, **attrs) over an array namespace
    rows      (builder, node, new inputs, which of them carry rows as a new axis 0, the rows' dimension) -> new node, for a
              node of which at least one input carries rows; None where the operation is elementwise with broadcasting
    notation  how it is written
    scalar    a Python expression template on floats (`{0} * {1}`), with `math` functions by bare name, or None
    ufunc     the NumPy function that computes it with `out=`, taking exactly the operands, or None
    linear    whether it is linear in each operand (its vjp does not depend on the operand's value)
    draws     whether it draws random values, anew for each row: it has the attributes `shape`, `key`, `seed` and `offset`
    """

    name: str
    doc: str
    formula: str
    arrays: tuple[str, ...]
    infer: Infer
    kernel: Kernel
    vjp: Vjp | None = None
    attrs: tuple[Attr, ...] = ()
    prepare: Prepare | None = None
    variadic: bool = False
    optional: int = 0
    rows: Rows | None = None
    elementwise: bool = False
    notation: Notation | None = None
    scalar: str | None = None
    ufunc: str | None = None
    kinks: str | None = None
    onnx: str | None = None
    cases: tuple[Case, ...] = ()
    derivatives: tuple[str, ...] = ()  # by operand, as a person writes them, for the documentation: `1/b`
    draws: bool = False
    public: bool = True  # whether a formula can call it by name
    shown: str = ""  # the name that a reader sees, where `name` is not meant for one
    torch: str | None = None  # the function that the oracle compares with, as `torch.…`, where it is not torch.<name>

    @property
    def operands(self) -> tuple[str, ...]:
        """The operands that a formula gives; `step`, the number of the training step, the build gives."""
        return tuple(name for name in self.arrays if name != "step")

    @property
    def settable(self) -> tuple[Attr, ...]:
        """The attributes that a formula gives."""
        return tuple(a for a in self.attrs if a.kind != "any" or a.name not in _INNER)

    @property
    def signature(self) -> str:
        """The operation as it is called in a formula: `sum(x, axis=none, keepdims=false)`, without what the build sets."""
        needed = len(self.arrays) - self.optional
        written = [name if k < needed else f"{name}=none" for k, name in enumerate(self.operands)]
        arguments = [f"[{self.arrays[0]}, ...]"] if self.variadic else written
        arguments += [a.name if a.required else f"{a.name}={_default(a.default)}" for a in self.settable]
        return f"{self.name}({', '.join(arguments)})"

    @property
    def word(self) -> str:
        """The name that a reader sees."""
        return self.shown or self.name

    def __call__(self, b: Builder, *inputs: int, **attrs: Any) -> int:
        """Adds a node of this operation to `b`."""
        return b.node(self, inputs, attrs)


def _default(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)
