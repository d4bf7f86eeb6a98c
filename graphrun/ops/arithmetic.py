"""Arithmetic: sum, difference, product, quotient, sign, power and its inverse, the logarithm."""

from __future__ import annotations

from collections.abc import Sequence

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Case, Notation, OpDef
from graphrun.ir.types import is_real
from graphrun.ops.common import arithmetic_type, binary, constant_value, number, unary, wants
from graphrun.ops.compare import EQUAL, GREATER_EQUAL, LOGICAL_AND, WHERE

__all__ = ["ADD", "DIV", "LOG", "MUL", "NEG", "OPS", "POWER", "SUB"]


def _neg_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [NEG(b, g)]


NEG = unary(
    "neg",
    "x with the other sign.",
    "-x",
    "negative",
    _neg_vjp,
    real=False,
    notation=Notation("-{0}", 25, (26,)),
    scalar="-{0}",
    onnx="Neg",
    derivatives=("-1",),
)


def _add_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [g, g]


ADD = binary(
    "add",
    "The sum, with NumPy's broadcasting.",
    "a + b",
    "add",
    _add_vjp,
    infer=arithmetic_type("add"),
    notation=Notation("{0} + {1}", 10),
    scalar="({0} + {1})",
    onnx="Add",
    derivatives=("1", "1"),
)


def _sub_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    return [g, NEG(b, g) if wants(b, node.inputs[1]) else None]


SUB = binary(
    "sub",
    "The difference, with NumPy's broadcasting.",
    "a - b",
    "subtract",
    _sub_vjp,
    infer=arithmetic_type("subtract"),
    notation=Notation("{0} - {1}", 10, (10, 11)),
    scalar="({0} - {1})",
    onnx="Sub",
    derivatives=("1", "-1"),
)


def _mul_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, y = node.inputs
    return [MUL(b, g, y) if wants(b, x) else None, MUL(b, g, x) if wants(b, y) else None]


MUL = binary(
    "mul",
    "The product element by element, with NumPy's broadcasting.",
    "a · b",
    "multiply",
    _mul_vjp,
    infer=arithmetic_type("multiply"),
    notation=Notation("{0} · {1}", 20),
    scalar="({0} * {1})",
    onnx="Mul",
    derivatives=("b", "a"),
)


def _div_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, y = node.inputs
    return [
        DIV(b, g, y) if wants(b, x) else None,
        DIV(b, NEG(b, MUL(b, g, node.index)), y) if wants(b, y) else None,
    ]


DIV = binary(
    "div",
    "The quotient, always real, with NumPy's broadcasting.",
    "a / b",
    "true_divide",
    _div_vjp,
    real=True,
    notation=Notation("{0} / {1}", 20, (20, 21)),
    scalar="({0} / {1})",
    onnx="Div",
    domain=(0.5, 2.0),
    derivatives=("1/b", "-a/b²"),
)


def _log_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, node.inputs[0])]


LOG = unary(
    "log",
    "The natural logarithm.",
    "ln x",
    "log",
    _log_vjp,
    scalar="log({0})",
    onnx="Log",
    domain=(0.2, 3.0),
    derivatives=("1/x",),
)


def _power_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    x, n = node.inputs
    return [_base_vjp(b, x, n, g) if wants(b, x) else None, _exponent_vjp(b, node, g) if wants(b, n) else None]


def _base_vjp(b: Builder, x: int, n: int, g: int) -> int | None:
    value = constant_value(b, n)
    if value is None:
        none = EQUAL(b, n, b.const(0.0, b.dtype(n)) if is_real(b.dtype(n)) else b.const(0, "int64"))
        return WHERE(b, none, number(b, 0, g), MUL(b, g, MUL(b, n, POWER(b, x, SUB(b, n, b.const(1, "int64"))))))
    if value == 0:
        return None
    if value == 1:
        return g
    lower = x if value == 2 else POWER(b, x, number(b, value - 1, g))
    return MUL(b, g, MUL(b, number(b, value, g), lower))


def _exponent_vjp(b: Builder, node: Node, g: int) -> int:
    """g · out · log(x), and 0 where x is 0 and the exponent is not negative, as PyTorch has it."""
    x, n = node.inputs
    zero = b.const(0.0, b.dtype(node.index))
    flat = LOGICAL_AND(b, EQUAL(b, x, zero), GREATER_EQUAL(b, n, zero))
    one = number(b, 1.0, g)
    return MUL(b, g, MUL(b, WHERE(b, flat, zero, node.index), LOG(b, WHERE(b, flat, one, x))))


POWER = binary(
    "power",
    "a to the power of b. The derivative by b is 0 where a is 0 (torch.pow).",
    "a^b",
    "power",
    _power_vjp,
    infer=arithmetic_type("raise"),
    notation=Notation("{0}^{1}", 30, (31, 30)),
    scalar="pow({0}, {1})",
    onnx="Pow",
    domain=(0.3, 2.0),
    extra=(Case(((3,), ()), domain=(-2.0, 2.0), dtypes=("float64", "int64")),),
    derivatives=("b·a^(b-1)", "a^b·ln a"),
    torch="pow",
)

OPS: tuple[OpDef, ...] = (ADD, SUB, MUL, DIV, NEG, POWER, LOG)
