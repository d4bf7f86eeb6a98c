"""All operations on shapes: layout (reshape, transpose, broadcast, …) slices, joining (concat, tile, …) and padding."""

from __future__ import annotations

from graphrun.ir.opdef import OpDef
from graphrun.ops import join, layout, pad, slices
from graphrun.ops.join import CONCAT, ROLL, STACK, TILE
from graphrun.ops.layout import (
    BROADCAST_TO,
    EXPAND_DIMS,
    FLATTEN,
    RESHAPE,
    SQUEEZE,
    SUM_TO,
    SWAP_LAST,
    TRANSPOSE,
    as_shape,
    to_rows,
)
from graphrun.ops.pad import PAD
from graphrun.ops.slices import FLIP, SLICE, UNSLICE

__all__ = [
    "BROADCAST_TO",
    "CONCAT",
    "EXPAND_DIMS",
    "FLATTEN",
    "FLIP",
    "OPS",
    "PAD",
    "RESHAPE",
    "ROLL",
    "SLICE",
    "SQUEEZE",
    "STACK",
    "SUM_TO",
    "SWAP_LAST",
    "TILE",
    "TRANSPOSE",
    "UNSLICE",
    "as_shape",
    "to_rows",
]

OPS: tuple[OpDef, ...] = layout.OPS + slices.OPS + join.OPS + pad.OPS
