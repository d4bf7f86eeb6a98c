"""All reductions over one axis, several, or all: sums and spreads, extremes, norms."""

from __future__ import annotations

from graphrun.ir.opdef import OpDef
from graphrun.ops import extremes, sums
from graphrun.ops.extremes import ALL, ANY, ARGMAX, ARGMIN, CUMSUM, LOGSUMEXP, MAX, MIN, NORM
from graphrun.ops.layout import SUM_TO
from graphrun.ops.sums import MEAN, PROD, STD, SUM, VAR

__all__ = [
    "ALL",
    "ANY",
    "ARGMAX",
    "ARGMIN",
    "CUMSUM",
    "LOGSUMEXP",
    "MAX",
    "MEAN",
    "MIN",
    "NORM",
    "OPS",
    "PROD",
    "STD",
    "SUM",
    "SUM_TO",
    "VAR",
]

OPS: tuple[OpDef, ...] = sums.OPS + extremes.OPS
