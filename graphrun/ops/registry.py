"""All operations, listed."""

from __future__ import annotations

from graphrun.ir.leaves import LEAVES
from graphrun.ir.opdef import OpDef
from graphrun.ops import (
    activation,
    arithmetic,
    compare,
    convolution,
    create,
    elementary,
    indexing,
    linalg,
    matrices,
    packing,
    pooling,
    random,
    reduce,
    shape,
    sorting,
)

__all__ = ["FAMILIES", "LEAVES", "OPS"]

FAMILIES: dict[str, tuple[OpDef, ...]] = {
    "arithmetic": arithmetic.OPS,
    "comparison": compare.OPS,
    "elementary functions": elementary.OPS,
    "activations": activation.OPS,
    "reductions": reduce.OPS,
    "products and matrices": linalg.OPS + matrices.OPS,
    "convolution": convolution.OPS,
    "pooling": pooling.OPS,
    "shapes": shape.OPS,
    "indexing": indexing.OPS + sorting.OPS,
    "values": create.OPS,
    "random values": random.OPS,
    "packing": packing.OPS,
}
"""Family → its operations, in the order of the documentation."""

OPS: dict[str, OpDef] = {op.name: op for family in FAMILIES.values() for op in family}
"""Name in the language → operation."""
