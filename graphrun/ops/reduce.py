"""All reductions over one axis, several, or all: sums and spreads, extremes, norms; and what runs along one."""

from __future__ import annotations

from graphrun.ir.opdef import OpDef
from graphrun.ops import extremes, running, sums
from graphrun.ops.extremes import ALL, ANY, ARGMAX, ARGMIN, LOGSUMEXP, MAX, MIN, NORM
from graphrun.ops.layout import SUM_TO
from graphrun.ops.running import CUMPROD, CUMSUM
from graphrun.ops.sums import MEAN, PROD, STD, SUM, VAR

__all__ = [
    "ALL",
    "ANY",
    "ARGMAX",
    "ARGMIN",
    "CUMPROD",
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

OPS: tuple[OpDef, ...] = sums.OPS + extremes.OPS + running.OPS
