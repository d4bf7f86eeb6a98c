"""How the operations of PyTorch's database are written in the language."""

from __future__ import annotations

from conformance_changes import (
    all_axes,
    alpha_one,
    at_index,
    basic_index,
    class_axis,
    default_stride,
    einsum_order,
    equal_shapes,
    filled,
    identity_matrix,
    joined,
    known_classes,
    matrix_or_vector,
    narrowed,
    no_indices,
    pad_value,
    plain_prelu,
    ranged,
    reduced_only,
    same_rank,
    shape_list,
    sorted_axis,
    spread,
    squeezable,
    swapped,
    vector_norm,
    with_axis,
)
from conformance_compare import Entry

DTYPE = "a dtype of the result"
AXIS = {"dtype": DTYPE}


def elementwise(torch_name: str, name: str | None = None) -> tuple[str, Entry]:
    return torch_name, Entry(f"{name or torch_name.rpartition('.')[2]}({{input}})", "input *inplace=False", of=name)


def binary(torch_name: str, text: str) -> tuple[str, Entry]:
    return torch_name, Entry(text, "input other")


def operator(torch_name: str, name: str, text: str | None = None) -> tuple[str, Entry]:
    return torch_name, Entry(text or f"{name}({{input}}, {{other}})", "input other", of=name)


def loss(text: str, more: str = "") -> Entry:
    signature = f"input target *reduction='mean' weight=None before=None after=None {more}"
    outside = {"weight": "weights of elements"}
    return Entry("{before}" + text + "{after}", signature, outside, prepare=equal_shapes, of=text.partition("(")[0])


SPREAD = "input dim=None unbiased=None keepdim=False *correction=None"
REDUCTION = "input dim=None keepdim=False *dtype=None"
CONV = "input weight bias=None stride=1 padding=0 dilation=1 groups=1"
TRANSPOSED = "input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1"
POOL = "input kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False"
PLAIN = "input *dtype=None memory_format=None"


def reduction(name: str, of: str | None = None, more: str = "") -> Entry:
    return Entry(f"{of or name}({{input}}, axis={{dim}}, keepdims={{keepdim}}{more})", REDUCTION, AXIS, prepare=all_axes("dim"))


def spreading(text: str, of: str | None = None) -> Entry:
    return Entry(text, SPREAD, prepare=spread, of=of)


def convolution(n: int) -> Entry:
    text = "stride={stride}, padding={padding}, dilation={dilation}, groups={groups}"
    return Entry(f"conv{n}d({{input}}, {{weight}}, {{bias}}, {text})", CONV)


def transposed(n: int) -> Entry:
    text = "stride={stride}, padding={padding}, output_padding={output_padding}, groups={groups}, dilation={dilation}"
    return Entry(f"conv_transpose{n}d({{input}}, {{weight}}, {{bias}}, {text})", TRANSPOSED)


def max_pool(n: int) -> Entry:
    text = "{kernel_size}, {stride}, {padding}, {dilation}, {ceil_mode}"
    return Entry(f"max_pool{n}d({{input}}, {text})", POOL, prepare=no_indices)


def padding(*, mode: bool = True) -> Entry:
    signature = "input pad mode='constant' value=None" if mode else "input pad value=None"
    inner = ", mode={mode}" if mode else ""
    return Entry(f"pad({{input}}, {{pad}}{inner}, value={{value}})", signature, prepare=pad_value)


TABLE: dict[str, Entry] = dict(
    [
        *(
            elementwise(n)
            for n in (
                *("abs", "acos", "acosh", "asin", "asinh", "atan", "atanh", "ceil", "cos", "cosh", "erf", "erfinv", "exp", "exp2", "expm1"),
                *("floor", "isfinite", "isnan", "log", "log10", "log1p", "log2", "logical_not", "neg", "reciprocal", "round", "rsqrt"),
                *("sigmoid", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh", "nn.functional.relu", "nn.functional.relu6"),
                *("nn.functional.selu", "nn.functional.silu", "nn.functional.mish", "nn.functional.softsign"),
            )
        ),
        elementwise("nn.functional.hardswish", "hard_swish"),
        elementwise("nn.functional.logsigmoid", "log_sigmoid"),
        elementwise("positive", "identity"),
        operator("mul", "mul", "{input} * {other}"),
        operator("true_divide", "div", "{input} / {other}"),
        operator("pow", "power", "{input} ^ {other}"),
        operator("float_power", "power"),
        operator("atan2", "atan2"),
        operator("remainder", "mod"),
        operator("maximum", "maximum"),
        operator("minimum", "minimum"),
        operator("max.binary", "maximum"),
        operator("min.binary", "minimum"),
        operator("logaddexp", "logaddexp"),
        operator("logical_and", "logical_and"),
        operator("logical_or", "logical_or"),
        operator("eq", "equal", "{input} == {other}"),
        operator("ne", "not_equal", "{input} != {other}"),
        operator("lt", "less", "{input} < {other}"),
        operator("le", "less_equal", "{input} <= {other}"),
        operator("gt", "greater", "{input} > {other}"),
        operator("ge", "greater_equal", "{input} >= {other}"),
        operator("__radd__", "add", "{other} + {input}"),
        operator("__rsub__", "sub", "{other} - {input}"),
        operator("__rmul__", "mul", "{other} * {input}"),
        operator("__rdiv__", "div", "{other} / {input}"),
        operator("__rmod__", "mod", "mod({other}, {input})"),
        operator("__rpow__", "power", "{other} ^ {input}"),
        operator("__rmatmul__", "matmul", "{other} @ {input}"),
        operator("matmul", "matmul", "{input} @ {other}"),
        operator("mm", "matmul", "{input} @ {other}"),
        operator("mv", "matmul", "{input} @ {other}"),
        operator("bmm", "matmul", "{input} @ {other}"),
        operator("dot", "dot"),
        operator("outer", "outer"),
    ]
)

TABLE.update(
    {
        "add": Entry("{input} + {other}", "input other *alpha=1", prepare=alpha_one, of="add"),
        "sub": Entry("{input} - {other}", "input other *alpha=1", prepare=alpha_one, of="sub"),
        "rsub": Entry("{other} - {input}", "input other *alpha=1", prepare=alpha_one, of="sub"),
        "div.no_rounding_mode": Entry(
            "{input} / {other}", "input other *rounding_mode=None", {"rounding_mode": "rounding of a quotient"}, of="div"
        ),
        "clamp": Entry("clip({input}, {min}, {max})", "input min=None max=None"),
        "clamp_min": Entry("clip({input}, {other})", "input other"),
        "clamp_max": Entry("clip({input}, max={other})", "input other"),
        "where": Entry("where({condition}, {input}, {other})", "input condition other"),
        "clone": Entry("identity({input})", PLAIN),
        "contiguous": Entry("identity({input})", PLAIN),
        "double": Entry("cast({input}, 'float64')", PLAIN),
        "long": Entry("cast({input}, 'int64')", PLAIN),
        "bool": Entry("cast({input}, 'bool')", PLAIN),
        # activations with arguments
        # PyTorch keeps the slope of 1/6 in single precision
        "nn.functional.hardsigmoid": Entry("hard_sigmoid({input})", "input *inplace=False", exact=1e-7),
        "nn.functional.leaky_relu": Entry("leaky_relu({input}, {negative_slope})", "input negative_slope=0.01 *inplace=False"),
        "nn.functional.elu": Entry("elu({input}, {alpha})", "input alpha=1.0 *inplace=False"),
        "nn.functional.celu": Entry("celu({input}, {alpha})", "input alpha=1.0 *inplace=False", exact=1e-6),  # nor is its alpha a double
        "nn.functional.hardtanh": Entry("hard_tanh({input}, {min_val}, {max_val})", "input min_val=-1.0 max_val=1.0 *inplace=False"),
        "nn.functional.softplus": Entry("softplus({input}, {beta}, {threshold})", "input beta=1 threshold=20"),
        "nn.functional.gelu": Entry("gelu({input}, {approximate})", "input *approximate='none'"),
        "nn.functional.prelu": Entry("prelu({input}, reshape({weight}, {shape}))", "input weight *shape=None", prepare=plain_prelu),
        "softmax": Entry("softmax({input}, {dim})", "input dim *dtype=None", AXIS),
        "softmax.with_dtype": Entry("softmax({input}, {dim})", "input dim *dtype=None"),
        "log_softmax": Entry("log_softmax({input}, {dim})", "input dim *dtype=None", AXIS),
        "log_softmax.with_dtype": Entry("log_softmax({input}, {dim})", "input dim *dtype=None"),
        # reductions
        **{n: reduction(n) for n in ("sum", "mean", "prod", "all", "any")},
        "amax": reduction("amax", "max"),
        "amin": reduction("amin", "min"),
        "max.reduction_no_dim": Entry("max({input})"),
        "min.reduction_no_dim": Entry("min({input})"),
        "max.reduction_with_dim": Entry(
            "[max({input}, {dim}, {keepdim}), argmax({input}, {dim}, {keepdim})]", "input dim keepdim=False", of="max"
        ),
        "min.reduction_with_dim": Entry(
            "[min({input}, {dim}, {keepdim}), argmin({input}, {dim}, {keepdim})]", "input dim keepdim=False", of="min"
        ),
        "argmax": Entry("argmax({input}, {dim}, {keepdim})", "input dim=None keepdim=False"),
        "argmin": Entry("argmin({input}, {dim}, {keepdim})", "input dim=None keepdim=False"),
        "logsumexp": reduction("logsumexp"),
        "cumsum": Entry("cumsum({input}, {dim})", "input dim *dtype=None"),
        "cumprod": Entry("cumprod({input}, {dim})", "input dim *dtype=None"),
        "var": spreading("var({input}, {dim}, {keepdim}, {correction})"),
        "std": spreading("std({input}, {dim}, {keepdim}, {correction})"),
        "var.unbiased": spreading("var({input}, {dim}, {keepdim}, {correction})"),
        "std.unbiased": spreading("std({input}, {dim}, {keepdim}, {correction})"),
        "var_mean": spreading(of="var", text="[var({input}, {dim}, {keepdim}, {correction}), mean({input}, {dim}, {keepdim})]"),
        "std_mean": spreading(of="std", text="[std({input}, {dim}, {keepdim}, {correction}), mean({input}, {dim}, {keepdim})]"),
        "linalg.vector_norm": Entry(
            "norm({input}, axis={dim}, keepdims={keepdim}, ord={ord})",
            "input ord=2 dim=None keepdim=False *dtype=None",
            AXIS,
            prepare=vector_norm,
        ),
        "linalg.norm": Entry(
            "norm({input}, axis={dim}, keepdims={keepdim}, ord={ord})",
            "input ord=None dim=None keepdim=False *dtype=None",
            AXIS,
            prepare=matrix_or_vector,
        ),
        **{
            name: Entry(
                "norm({input}, axis={dim}, keepdims={keepdim}, ord={ord})",
                "input ord='fro' dim=None keepdim=False *dtype=None",
                AXIS,
                prepare=vector_norm,
            )
            for name in ("norm", "norm.inf", "norm.fro")
        },
        # matrices
        "einsum": Entry("einsum({equation}, {operands})", "input equation *operands=None", prepare=einsum_order),
        "trace": Entry("trace({input})"),
        "diagonal": Entry("diagonal({input}, {offset}, {dim1}, {dim2})", "input offset=0 dim1=0 dim2=1"),
        "linalg.diagonal": Entry("diagonal({input}, {offset}, {dim1}, {dim2})", "input *offset=0 dim1=-2 dim2=-1"),
        "tril": Entry("tril({input}, {diagonal})", "input diagonal=0"),
        "triu": Entry("triu({input}, {diagonal})", "input diagonal=0"),
        "linalg.qr": Entry("qr({input}, {mode})", "input mode='reduced'", prepare=reduced_only),
        # shapes
        "transpose": Entry("transpose({input}, {axes})", "input dim0 dim1 *axes=None", prepare=swapped),
        "permute": Entry("transpose({input}, {dims})", "input dims"),
        "reshape": Entry("reshape({input}, {shape})", "input shape"),
        "view": Entry("reshape({input}, {shape})", "input shape"),
        "flatten": Entry("flatten({input}, {start_dim}, {end_dim})", "input start_dim=0 end_dim=-1"),
        "ravel": Entry("flatten({input})"),
        "unsqueeze": Entry("expand_dims({input}, {dim})", "input dim", axes=()),
        "squeeze": Entry("squeeze({input}, {dim})", "input dim=None", prepare=squeezable),
        "squeeze.multiple": Entry("squeeze({input}, {dim})", "input dim=None", prepare=squeezable),
        "broadcast_to": Entry("broadcast_to({input}, {shape})", "input shape"),
        "expand": Entry("broadcast_to({input}, {shape})", "input shape", prepare=shape_list),
        "cat": Entry("concat({input}, {dim})", "input dim=0", prepare=joined),
        "stack": Entry("stack({input}, {dim})", "input dim=0", axes=()),
        "split": Entry("split({input}, {size}, {dim})", "input size dim=0"),
        "split.list_args": Entry("split({input}, {size}, {dim})", "input size dim=0"),
        "split_with_sizes": Entry("split({input}, {size}, {dim})", "input size dim=0"),
        "flip": Entry("flip({input}, {dims})", "input dims"),
        "fliplr": Entry("flip({input}, 1)"),
        "flipud": Entry("flip({input}, 0)"),
        "roll": Entry("roll({input}, {shifts}, {dims})", "input shifts dims=None", prepare=all_axes("dims")),
        "tile": Entry("tile({input}, {size})", "input size"),
        "__getitem__": Entry("{input}[{items}]", "input index *items=None", prepare=basic_index, of="slice"),
        "slice": Entry("slice({input}, {dim}, {start}, {end}, {step})", "input dim=0 start=None end=None step=1"),
        "select": Entry("{input}[{items}]", "input dim index *items=None", prepare=at_index, of="slice"),
        "narrow": Entry("{input}[{items}]", "input dim start length *items=None", prepare=narrowed, of="slice"),
        "nn.functional.pad.constant": padding(),
        "nn.functional.pad.reflect": padding(),
        "nn.functional.pad.replicate": padding(),
        "nn.functional.pad.replicate_negative": padding(),
        "nn.functional.pad.circular": padding(),
        "constant_pad_nd": padding(mode=False),
        # indexing
        "index_select": Entry("gather({input}, {index}, {dim})", "input dim index"),
        "gather": Entry("take_along({input}, {index}, {dim})", "input dim index *sparse_grad=False", prepare=same_rank),
        "take_along_dim": Entry("take_along({input}, {index}, {dim})", "input index dim=None", prepare=with_axis),
        "scatter_add": Entry("scatter_add({input}, {index}, {src}, {dim})", "input dim index src"),
        "sort": Entry("sort({input}, {dim}, {descending}, {stable})", "input dim=-1 descending=False stable=False", prepare=sorted_axis),
        "argsort": Entry(
            "sort({input}, {dim}, {descending})[1]", "input dim=-1 descending=False stable=False", prepare=sorted_axis, of="sort"
        ),
        "msort": Entry("sort({input}, 0)[0]", of="sort"),
        "topk": Entry("topk({input}, {k}, {dim}, {largest}, {sorted})", "input k dim=-1 largest=True sorted=True"),
        "nn.functional.one_hot": Entry("one_hot({input}, {num_classes})", "input num_classes=-1", prepare=known_classes),
        # losses
        "nn.functional.mse_loss": loss("squared_error({input}, {target})"),
        "nn.functional.cross_entropy": Entry(
            "{before}cross_entropy({input}, {target}, {axis}, {weight}, {ignore_index}, {label_smoothing}){after}",
            "input target weight=None *reduction='mean' ignore_index=-100 label_smoothing=0.0 before=None after=None axis=None",
            prepare=class_axis,
            of="cross_entropy",
            fixed=("weight",),
        ),
        # values
        "zeros": Entry("zeros({input})", "input *dtype=None device=None", prepare=filled),
        "ones": Entry("ones({input})", "input *dtype=None device=None", prepare=filled),
        "full": Entry("full({input}, {fill_value})", "input fill_value *dtype=None device=None", prepare=filled),
        "eye": Entry("eye({input}, {m})", "input m=None *dtype=None device=None requires_grad=False", prepare=identity_matrix),
        "arange": Entry("arange({parts})", "input end=None step=None *dtype=None device=None parts=None", prepare=ranged),
        "linspace": Entry("linspace({input}, {end}, {steps})", "input end steps *dtype=None device=None"),
        # convolution and pooling
        "nn.functional.conv1d": convolution(1),
        "nn.functional.conv2d": convolution(2),
        "nn.functional.conv_transpose1d": transposed(1),
        "nn.functional.conv_transpose2d": transposed(2),
        "nn.functional.max_pool1d": max_pool(1),
        "nn.functional.max_pool2d": max_pool(2),
        "nn.functional.avg_pool1d": Entry(
            "avg_pool1d({input}, {kernel_size}, {stride}, {padding}, {ceil_mode}, {count_include_pad})",
            "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True",
            prepare=default_stride,
        ),
        "nn.functional.avg_pool2d": Entry(
            "avg_pool2d({input}, {kernel_size}, {stride}, {padding}, {ceil_mode}, {count_include_pad}, {divisor_override})",
            "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True divisor_override=None",
            prepare=default_stride,
        ),
    }
)
