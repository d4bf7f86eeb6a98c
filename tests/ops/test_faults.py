"""What shape and dtype rules say, whole. `{0}` and `{1}` are filled in by the build."""

import os
from pathlib import Path

import pytest

from graphrun.ir.builder import Builder
from graphrun.ir.types import OpFault, sym
from graphrun.ops.registry import OPS

BATCH = sym("batch")
FAULTS = [
    ("add", [(2, 3), (2,)], {}),
    ("mul", [(BATCH, 3), (4, 3)], {}),
    ("where", [(3,), (3,), (3,)], {}),
    ("clip", [(3,)], {}),
    ("cast", [(3,)], {"dtype": "int8"}),
    ("gelu", [(3,)], {"approximate": "erf"}),
    ("matmul", [(BATCH, 64), (32, 10)], {}),
    ("matmul", [(2, 3), (4,)], {}),
    ("matmul", [(2, 2, 3), (3, 3, 4)], {}),
    ("matmul", [(), (3, 4)], {}),
    ("dot", [(3,), (4,)], {}),
    ("outer", [(3, 2), (4,)], {}),
    ("sum", [(2, 3)], {"axis": 2}),
    ("sum", [()], {"axis": 0}),
    ("mean", [(2, 3)], {"axis": (1, -1)}),
    ("max", [(0, 3)], {"axis": 0}),
    ("norm", [(0, 3)], {"ord": -1, "axis": 0}),
    ("softmax", [()], {}),
    ("reshape", [(2, 3)], {"shape": (4, 2)}),
    ("reshape", [(2, 3)], {"shape": (-1, 4)}),
    ("reshape", [(2, 3)], {"shape": (-1, -1)}),
    ("reshape", [(BATCH, 3)], {"shape": (-1, 2)}),
    ("flatten", [(2, 3)], {"start_dim": 1, "end_dim": 0}),
    ("squeeze", [(2, 3)], {"axis": 0}),
    ("transpose", [(2, 3)], {"axes": (0, 0)}),
    ("swap_last", [(3,)], {}),
    ("broadcast_to", [(2, 3)], {"shape": (3, 3)}),
    ("slice", [(3, 4)], {"index": ((3, 4, 1),), "squeeze": (0,)}),
    ("slice", [(3,)], {"index": (None, (0, 1, 1))}),
    ("slice", [(3,)], {"index": ((0, 3, 0),)}),
    ("slice", [(BATCH, 4)], {"index": ((None, 3, None),)}),
    ("concat", [(2, 3), (2, 3), (3, 2)], {"axis": 0}),
    ("stack", [(2,), (3,)], {}),
    ("pad", [(3,)], {"pad": (1, 2, 3)}),
    ("pad", [(3,)], {"pad": (-2, -2)}),
    ("pad", [(3,)], {"pad": (1, 1), "mode": "mirror"}),
    ("pad", [(2, 3)], {"pad": (3, 0), "mode": "reflect"}),
    ("pad", [(BATCH, 3)], {"pad": (0, 0, 1, 1), "mode": "circular"}),
    ("roll", [(2, 3)], {"shifts": (1, 2)}),
    ("roll", [(2, 3)], {"shifts": (1, 2), "axis": 0}),
    ("trace", [(3,)], {}),
    ("diagonal", [(3, 3)], {"dim1": 0, "dim2": -2}),
    ("diagonal", [(BATCH, 3)], {}),
    ("tril", [(3,)], {}),
    ("qr_q", [(3,)], {}),
    ("conv2d", [(3, 8), (4, 3, 3, 3)], {}),
    ("conv2d", [(BATCH, 3, 8, 8), (4, 3, 3)], {}),
    ("conv2d", [(BATCH, 3, 8, 8), (4, 1, 3, 3)], {}),
    ("conv2d", [(BATCH, 4, 8, 8), (3, 2, 3, 3)], {"groups": 2}),
    ("conv2d", [(BATCH, 3, 8, 8), (4, 3, 3, 3), (3,)], {}),
    ("conv2d", [(BATCH, 3, 2, 8), (4, 3, 3, 3)], {}),
    ("conv2d", [(BATCH, 3, 8, 8), (4, 3, 3, 3)], {"stride": 0}),
    ("conv2d", [(BATCH, 3, 8, 8), (4, 3, 3, 3)], {"stride": (1, 2, 3)}),
    ("conv2d", [(BATCH, 3, 8, 8), (4, 3, 3, 3)], {"padding": "same", "stride": 2}),
    ("conv2d", [(BATCH, 3, 8, 8), (4, 3, 3, 3)], {"padding": "full"}),
    ("conv2d", [(BATCH, 3, 8, 8), (4, 3, 3, 3)], {"groups": 0}),
    ("conv1d", [(2, 3, BATCH), (4, 3, 3)], {"stride": 2}),
    ("conv_transpose1d", [(2, 3, 5), (4, 3, 3)], {}),
    ("conv_transpose1d", [(2, 3, 5), (3, 4, 3)], {"stride": 2, "output_padding": 2}),
    ("conv_transpose1d", [(2, 3, 1), (3, 4, 3)], {"padding": 2}),
    ("max_pool2d", [(8,)], {"kernel_size": 2}),
    ("max_pool2d", [(3, 8, 8)], {"kernel_size": 2, "padding": 2}),
    ("max_pool2d", [(3, 1, 8)], {"kernel_size": 2}),
    ("avg_pool2d", [(3, 8, 8)], {"kernel_size": 2, "divisor_override": 0}),
    ("gather", [(4, 2), (3,)], {}),
    ("take_along", [(3, 4), ("int64", 3)], {}),
    ("scatter_add", [(3, 4), ("int64", 2, 4), (2, 3)], {}),
    ("one_hot", [("int64", 3)], {"num_classes": 0}),
    ("one_hot", [(3,)], {"num_classes": 3}),
    ("arange", [], {"start": 1, "end": 5, "step": 0}),
    ("arange", [], {"start": 0, "end": BATCH, "step": 2}),
    ("arange", [], {"start": "x"}),
    ("zeros", [], {"shape": (2.5,)}),
    ("truncated_normal", [], {"shape": (2,), "a": 1.0, "b": 0.0}),
    ("orthogonal", [], {"shape": (3,)}),
]


def made(name, shapes, attrs):
    b = Builder()
    inputs = []
    for k, s in enumerate(shapes):
        dtype, shape = (s[0], s[1:]) if s and isinstance(s[0], str) else ("float64", s)
        inputs.append(b.input(f"x{k}", shape, dtype))
    return b.node(OPS[name], inputs, attrs)


def text(name, shapes, attrs):
    with pytest.raises(OpFault) as caught:
        made(name, shapes, attrs)
    f = caught.value
    lines = [f"{name}: {f.code}: {f.message}", *(f"   {n}" for n in f.notes)]
    if f.help:
        lines.append(f"   help: {f.help}")
    return "\n".join([*lines, f"   operands {list(f.operands)}", ""])


def test_messages():
    found = "\n".join(text(*fault) for fault in FAULTS)
    golden = Path(__file__).with_name("faults.txt")
    if os.environ.get("GRAPHRUN_REGENERATE"):
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "shapes", "attrs", "shape"),
    [
        ("matmul", [(BATCH, 3), (3, 4)], {}, (BATCH, 4)),
        ("sum", [(BATCH, 3)], {"axis": 0, "keepdims": True}, (1, 3)),
        ("reshape", [(BATCH, 2, 3)], {"shape": (-1, 6)}, (BATCH, 6)),
        ("reshape", [(BATCH, 2, 3)], {"shape": (BATCH, -1)}, (BATCH, 6)),
        ("reshape", [(BATCH, 6)], {"shape": (-1,)}, (6 * BATCH,)),
        ("flatten", [(BATCH, 2, 3)], {"start_dim": 1}, (BATCH, 6)),
        ("concat", [(BATCH, 3), (2, 3)], {"axis": 0}, (BATCH + 2, 3)),
        ("slice", [(BATCH, 3)], {"index": ((1, None, None),)}, (BATCH - 1, 3)),
        ("slice", [(BATCH, 3)], {"index": ((None, -1, None), (0, 1, 1)), "squeeze": (1,)}, (BATCH - 1,)),
        ("slice", [(BATCH, 3)], {"index": ((-1, None, None),), "squeeze": (0,)}, (3,)),
        ("slice", [(5,)], {"index": ((None, None, -2),)}, (3,)),
        ("slice", [(5,)], {"index": ((3, 99, None),)}, (2,)),
        ("arange", [], {"start": BATCH}, (BATCH,)),
        ("one_hot", [("int64", BATCH)], {"num_classes": 3}, (BATCH, 3)),
        ("gather", [(7, 4), ("int64", BATCH, 2)], {}, (BATCH, 2, 4)),
        ("tile", [(BATCH, 3)], {"dims": (2, 1)}, (2 * BATCH, 3)),
        ("conv2d", [(BATCH, 3, 8, 9), (4, 3, 3, 3)], {"stride": 2, "padding": 1}, (BATCH, 4, 4, 5)),
        ("conv1d", [(3, BATCH), (4, 3, 3)], {}, (4, BATCH - 2)),
        ("conv_transpose2d", [(BATCH, 3, 4, 4), (3, 2, 2, 2)], {"stride": 2}, (BATCH, 2, 8, 8)),
        ("max_pool2d", [(BATCH, 3, 8, 9)], {"kernel_size": 2}, (BATCH, 3, 4, 4)),
        ("avg_pool1d", [(BATCH, 3, 8)], {"kernel_size": 3, "stride": 2, "ceil_mode": True}, (BATCH, 3, 4)),
        ("diagonal", [(BATCH, 3, 4)], {"dim1": 1, "dim2": 2}, (BATCH, 3)),
        ("pad", [(BATCH, 3)], {"pad": (1, 1), "mode": "reflect"}, (BATCH, 5)),
    ],
)
def test_symbolic_shapes(name, shapes, attrs, shape):
    b = Builder()
    inputs = [
        b.input(f"x{k}", s[1:] if s and isinstance(s[0], str) else s, s[0] if s and isinstance(s[0], str) else "float64")
        for k, s in enumerate(shapes)
    ]
    assert b.shape(OPS[name](b, *inputs, **attrs)) == shape


def test_prepared_attributes_prepare_to_themselves():
    b = Builder()
    x = b.input("x", (4, 5), "float64")
    for name, attrs in [
        ("slice", {"index": ((-1, None, None), (None, None, -2)), "squeeze": (0,)}),
        ("sum", {"axis": (-1, 0)}),
        ("reshape", {"shape": (-1,)}),
        ("transpose", {}),
        ("squeeze", {}),
    ]:
        once = b.graph.attrs(OPS[name](b, x, **attrs))
        assert b.graph.attrs(OPS[name](b, x, **once)) == once
