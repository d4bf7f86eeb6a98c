"""All poolings, over the last one or two axes."""

from __future__ import annotations

from graphrun.ir.opdef import OpDef
from graphrun.ops import avg_pool, max_pool
from graphrun.ops.avg_pool import AVG_POOL1D, AVG_POOL2D
from graphrun.ops.max_pool import MAX_POOL1D, MAX_POOL2D

__all__ = ["AVG_POOL1D", "AVG_POOL2D", "MAX_POOL1D", "MAX_POOL2D", "OPS"]

OPS: tuple[OpDef, ...] = (MAX_POOL1D, MAX_POOL2D, AVG_POOL1D, AVG_POOL2D, *max_pool.OPS[2:], *avg_pool.OPS[2:])
