"""Exponentials, logarithms, roots, squares."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Notation, OpDef
from graphrun.ops.arithmetic import ADD, DIV, MUL, NEG, POWER
from graphrun.ops.common import number, unary

__all__ = ["EXP", "EXP2", "EXPM1", "LOG1P", "LOG2", "LOG10", "OPS", "RECIPROCAL", "RSQRT", "SQRT", "SQUARE"]


def _exp_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, node.index)]


EXP = unary("exp", "e to the power of x.", "e^x", "exp", _exp_vjp, scalar="exp({0})", onnx="Exp", derivatives=("e^x",))


def _exp2_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, MUL(b, number(b, math.log(2), g), node.index))]


EXP2 = unary("exp2", "2 to the power of x.", "2^x", "exp2", _exp2_vjp, scalar="exp2({0})", derivatives=("ln 2 · 2^x",))


def _expm1_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, ADD(b, node.index, number(b, 1, g)))]


EXPM1 = unary("expm1", "e^x - 1, exact near 0.", "e^x - 1", "expm1", _expm1_vjp, scalar="expm1({0})", derivatives=("e^x",))


def _log2_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, MUL(b, number(b, math.log(2), g), node.inputs[0]))]


LOG2 = unary(
    "log2", "The logarithm to base 2.", "log₂ x", "log2", _log2_vjp, scalar="log2({0})", domain=(0.2, 3.0), derivatives=("1/(x ln 2)",)
)


def _log10_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, MUL(b, number(b, math.log(10), g), node.inputs[0]))]


LOG10 = unary(
    "log10",
    "The logarithm to base 10.",
    "log₁₀ x",
    "log10",
    _log10_vjp,
    scalar="log10({0})",
    domain=(0.2, 3.0),
    derivatives=("1/(x ln 10)",),
)


def _log1p_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, ADD(b, number(b, 1, g), node.inputs[0]))]


LOG1P = unary(
    "log1p",
    "ln(1 + x), exact near 0.",
    "ln(1 + x)",
    "log1p",
    _log1p_vjp,
    scalar="log1p({0})",
    domain=(-0.7, 3.0),
    derivatives=("1/(1+x)",),
)


def _sqrt_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [DIV(b, g, MUL(b, number(b, 2, g), node.index))]


SQRT = unary(
    "sqrt",
    "The square root.",
    "√x",
    "sqrt",
    _sqrt_vjp,
    notation=Notation("√{0}", 30, (40,)),
    scalar="sqrt({0})",
    onnx="Sqrt",
    domain=(0.2, 3.0),
    derivatives=("1/(2√x)",),
)


def _rsqrt_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, MUL(b, number(b, -0.5, g), POWER(b, node.index, number(b, 3, g))))]


RSQRT = unary(
    "rsqrt",
    "One over the square root (torch.rsqrt).",
    "1/√x",
    lambda xp, x: 1.0 / xp.sqrt(x),
    _rsqrt_vjp,
    scalar="(1.0 / sqrt({0}))",
    domain=(0.3, 3.0),
    derivatives=("-1/(2x√x)",),
)


def _square_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [MUL(b, g, MUL(b, number(b, 2, g), node.inputs[0]))]


SQUARE = unary(
    "square",
    "x times x.",
    "x²",
    "square",
    _square_vjp,
    real=False,
    notation=Notation("{0}²", 30, (31,)),
    scalar="({0} * {0})",
    derivatives=("2x",),
)


def _reciprocal_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [NEG(b, MUL(b, g, SQUARE(b, node.index)))]


RECIPROCAL = unary(
    "reciprocal",
    "One over x.",
    "1/x",
    "reciprocal",
    _reciprocal_vjp,
    scalar="(1.0 / {0})",
    onnx="Reciprocal",
    domain=(0.3, 2.0),
    derivatives=("-1/x²",),
)


OPS: tuple[OpDef, ...] = (EXP, EXP2, EXPM1, LOG2, LOG10, LOG1P, SQRT, RSQRT, SQUARE, RECIPROCAL)
