"""The error function and the activation made of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphrun.ir.builder import Builder
from graphrun.ir.graph import Node
from graphrun.ir.opdef import Attr, Attrs, Case, OpDef
from graphrun.ir.types import OpFault, TensorType
from graphrun.ops.arithmetic import ADD, MUL, NEG, SUB
from graphrun.ops.common import number, special, unary
from graphrun.ops.elementary import EXP, SQUARE, TANH

__all__ = ["ERF", "ERFINV", "GELU", "OPS"]


def _times(b: Builder, g: int, value: float, x: int) -> int:
    return MUL(b, g, MUL(b, number(b, value, g), x))


def _erf_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [_times(b, g, 2 / math.sqrt(math.pi), EXP(b, NEG(b, SQUARE(b, node.inputs[0]))))]


ERF = unary(
    "erf",
    "The error function, 2/√π ∫₀ˣ e^(-t²) dt.",
    "erf x",
    lambda xp, x: special(xp).erf(x),
    _erf_vjp,
    scalar="erf({0})",
    onnx="Erf",
    derivatives=("2/√π · e^(-x²)",),
)


def _erfinv_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    return [_times(b, g, math.sqrt(math.pi) / 2, EXP(b, SQUARE(b, node.index)))]


ERFINV = unary(
    "erfinv",
    "The x whose erf it is, between -1 and 1.",
    "erf⁻¹ x",
    lambda xp, x: special(xp).erfinv(x),
    _erfinv_vjp,
    domain=(-0.8, 0.8),
    derivatives=("√π/2 · e^(erf⁻¹(x)²)",),
)

GELU_INNER, GELU_CUBE = math.sqrt(2 / math.pi), 0.044715


def _gelu_ready(types: Sequence[TensorType], attrs: Attrs) -> Attrs:
    if attrs["approximate"] not in ("none", "tanh"):
        raise OpFault(f"`approximate` is 'none' or 'tanh', not {attrs['approximate']!r}", code="wrong-type")
    return attrs


def _gelu(xp: Any, x: Any, *, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + xp.tanh(GELU_INNER * (x + GELU_CUBE * x * x * x)))
    return 0.5 * x * (1.0 + special(xp).erf(x * math.sqrt(0.5)))


def _gelu_vjp(b: Builder, node: Node, g: int) -> Sequence[int]:
    x, half, one = node.inputs[0], number(b, 0.5, g), number(b, 1, g)
    if node.attrs["approximate"] == "none":
        cdf = MUL(b, half, ADD(b, one, ERF(b, MUL(b, number(b, math.sqrt(0.5), g), x))))
        bell = EXP(b, NEG(b, MUL(b, half, SQUARE(b, x))))
        return [MUL(b, g, ADD(b, cdf, MUL(b, x, MUL(b, number(b, 1 / math.sqrt(2 * math.pi), g), bell))))]
    square = SQUARE(b, x)
    inner = ADD(b, one, MUL(b, number(b, GELU_CUBE, g), square))
    t = TANH(b, MUL(b, number(b, GELU_INNER, g), MUL(b, x, inner)))
    slope = MUL(b, number(b, GELU_INNER, g), ADD(b, one, MUL(b, number(b, 3 * GELU_CUBE, g), square)))
    bend = MUL(b, MUL(b, x, SUB(b, one, SQUARE(b, t))), slope)
    return [MUL(b, g, MUL(b, half, ADD(b, ADD(b, one, t), bend)))]


GELU = unary(
    "gelu",
    "x · Φ(x), with the normal distribution function Φ; `approximate='tanh'` for the formula by tanh (Hendrycks and Gimpel 2016).",
    "x (1 + erf(x/√2)) / 2",
    _gelu,
    _gelu_vjp,
    attrs=(Attr("approximate", "text", "none"),),
    prepare=_gelu_ready,
    onnx="Gelu",
    extra=(Case(((2, 3),), {"approximate": "tanh"}),),
    derivatives=("Φ(x) + x φ(x)",),
    torch="nn.functional.gelu",
)

OPS: tuple[OpDef, ...] = (ERF, ERFINV, GELU)
