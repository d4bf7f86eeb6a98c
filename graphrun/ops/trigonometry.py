"""Trigonometric and hyperbolic functions, and their inverses."""

from __future__ import annotations

from collections.abc import Sequence

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import OpDef
from graphrun.ops.arithmetic import ADD, DIV, MUL, NEG, SUB
from graphrun.ops.common import binary, number, unary, wants
from graphrun.ops.compare import EQUAL, WHERE
from graphrun.ops.roots import SQRT, SQUARE

__all__ = ["ACOS", "ACOSH", "ASIN", "ASINH", "ATAN", "ATAN2", "ATANH", "COS", "COSH", "OPS", "SIN", "SINH", "TAN", "TANH"]


def _sin_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, COS(b, node.inputs[0]))]


SIN = unary("sin", "The sine; x in radians.", "sin x", "sin", _sin_vjp, scalar="sin({0})", onnx="Sin", derivatives=("cos x",))


def _cos_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, NEG(b, SIN(b, node.inputs[0])))]


COS = unary("cos", "The cosine; x in radians.", "cos x", "cos", _cos_vjp, scalar="cos({0})", onnx="Cos", derivatives=("-sin x",))


def _tan_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, ADD(b, number(b, 1, g), SQUARE(b, node.index)))]


TAN = unary(
    "tan",
    "The tangent; x in radians.",
    "tan x",
    "tan",
    _tan_vjp,
    scalar="tan({0})",
    onnx="Tan",
    domain=(-1.0, 1.0),
    derivatives=("1 + tan² x",),
)


def _one_minus_square(b: Builder, x: int, g: int) -> int:
    return SUB(b, number(b, 1, g), SQUARE(b, x))


def _asin_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, SQRT(b, _one_minus_square(b, node.inputs[0], g)))]


ASIN = unary(
    "asin",
    "The angle whose sine is x.",
    "asin x",
    "asin",
    _asin_vjp,
    scalar="asin({0})",
    onnx="Asin",
    domain=(-0.8, 0.8),
    derivatives=("1/√(1-x²)",),
)


def _acos_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [NEG(b, DIV(b, g, SQRT(b, _one_minus_square(b, node.inputs[0], g))))]


ACOS = unary(
    "acos",
    "The angle whose cosine is x.",
    "acos x",
    "acos",
    _acos_vjp,
    scalar="acos({0})",
    onnx="Acos",
    domain=(-0.8, 0.8),
    derivatives=("-1/√(1-x²)",),
)


def _atan_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, ADD(b, number(b, 1, g), SQUARE(b, node.inputs[0])))]


ATAN = unary(
    "atan", "The angle whose tangent is x.", "atan x", "atan", _atan_vjp, scalar="atan({0})", onnx="Atan", derivatives=("1/(1+x²)",)
)


def _atan2_vjp(b: Builder, node: Node, g: int) -> Sequence[int | None]:
    y, x = node.inputs
    zero, length = number(b, 0, g), ADD(b, SQUARE(b, y), SQUARE(b, x))
    across = WHERE(b, EQUAL(b, length, zero), zero, DIV(b, g, length))
    return [MUL(b, across, x) if wants(b, y) else None, NEG(b, MUL(b, across, y)) if wants(b, x) else None]


ATAN2 = binary(
    "atan2",
    "The angle of the point (b, a), in all four quadrants. The derivative is 0 at the origin (torch.atan2).",
    "atan2(a, b)",
    "atan2",
    _atan2_vjp,
    real=True,
    scalar="atan2({0}, {1})",
    kinks="0 at a = b = 0",
    domain=(0.3, 2.0),
    derivatives=("b/(a²+b²)", "-a/(a²+b²)"),
)


def _sinh_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, COSH(b, node.inputs[0]))]


SINH = unary("sinh", "(e^x - e^-x) / 2.", "sinh x", "sinh", _sinh_vjp, scalar="sinh({0})", onnx="Sinh", derivatives=("cosh x",))


def _cosh_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, SINH(b, node.inputs[0]))]


COSH = unary("cosh", "(e^x + e^-x) / 2.", "cosh x", "cosh", _cosh_vjp, scalar="cosh({0})", onnx="Cosh", derivatives=("sinh x",))


def _tanh_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, _one_minus_square(b, node.index, g))]


TANH = unary(
    "tanh", "sinh x / cosh x, between -1 and 1.", "tanh x", "tanh", _tanh_vjp, scalar="tanh({0})", onnx="Tanh", derivatives=("1 - tanh² x",)
)


def _asinh_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, SQRT(b, ADD(b, SQUARE(b, node.inputs[0]), number(b, 1, g))))]


ASINH = unary(
    "asinh", "The inverse of sinh.", "asinh x", "asinh", _asinh_vjp, scalar="asinh({0})", onnx="Asinh", derivatives=("1/√(x²+1)",)
)


def _acosh_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, SQRT(b, SUB(b, SQUARE(b, node.inputs[0]), number(b, 1, g))))]


ACOSH = unary(
    "acosh",
    "The inverse of cosh, from 1 up.",
    "acosh x",
    "acosh",
    _acosh_vjp,
    scalar="acosh({0})",
    onnx="Acosh",
    domain=(1.3, 3.0),
    derivatives=("1/√(x²-1)",),
)


def _atanh_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, _one_minus_square(b, node.inputs[0], g))]


ATANH = unary(
    "atanh",
    "The inverse of tanh, between -1 and 1.",
    "atanh x",
    "atanh",
    _atanh_vjp,
    scalar="atanh({0})",
    onnx="Atanh",
    domain=(-0.8, 0.8),
    derivatives=("1/(1-x²)",),
)


OPS: tuple[OpDef, ...] = (SIN, COS, TAN, ASIN, ACOS, ATAN, ATAN2, SINH, COSH, TANH, ASINH, ACOSH, ATANH)
