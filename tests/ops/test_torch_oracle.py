"""Values and gradients of every row of the table against PyTorch."""

import numpy as np
import pytest
from op_cases import draw, dtypes, generator, single, table

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ops.registry import OPS

torch = pytest.importorskip("torch")
F = torch.nn.functional


def _slice(x, index, squeeze=()):
    for axis, span in enumerate(index):
        if span is not None:
            places = [span[0]] if axis in squeeze else range(x.shape[axis])[slice(*span)]
            x = torch.index_select(x, axis, torch.tensor([p % x.shape[axis] for p in places], dtype=torch.int64))
    for axis in sorted(squeeze, reverse=True):
        x = x.squeeze(axis)
    return x


def _unslice(x, shape, index):
    out = torch.zeros(shape, dtype=x.dtype)
    out[tuple(slice(None) if s is None else slice(*s) for s in index)] = x
    return out


def _gather(x, index, axis=0):
    axis %= x.ndim
    rows = torch.index_select(x, axis, index.reshape(-1))
    return rows.reshape((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]))


def _scatter_rows(x, index, shape, axis=0):
    flat = x.reshape((*shape[:axis], index.numel(), *shape[axis + 1 :]))
    return torch.zeros(shape, dtype=x.dtype).index_add(axis, index.reshape(-1), flat)


def _reduced(function):
    """A function of torch's over several axes at once, or all."""

    def call(x, axis=None, keepdims=False, **more):
        axes = tuple(range(x.ndim)) if axis is None else axis
        return function(x, dim=axes, keepdim=keepdims, **more)

    return call


def _one_by_one(function):
    def call(x, axis=None, keepdims=False):
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        for a in sorted((a % x.ndim for a in axes), reverse=True):
            x = function(x, dim=a, keepdim=keepdims)
        return x

    return call


def _along(function):
    return lambda x, axis=-1, **more: function(x, dim=axis, **more)


def _squeeze(x, axis=None):
    return x.squeeze() if axis is None else x.squeeze(axis)


def _expand_dims(x, axis):
    for a in (axis,) if isinstance(axis, int) else axis:
        x = x.unsqueeze(a)
    return x


def _roll(x, shifts, axis=None):
    return torch.roll(x, shifts, axis)


def _scatter_add(x, index, source, axis=0):
    return torch.scatter_add(x, axis, index, source[tuple(slice(d) for d in index.shape)])  # torch has no gradient of a longer source


def _put_along(x, index, shape, axis=-1):
    full = [x.shape[k] if k == axis % len(shape) else d for k, d in enumerate(shape)]
    return torch.zeros(shape, dtype=x.dtype).scatter_add(axis, index.expand(full), x)


def _recur(a, c, axis):
    out = []
    for x, y in zip(a.unbind(axis), c.unbind(axis), strict=True):
        out.append(y + x * out[-1] if out else y)
    return torch.stack(out, axis) if out else a * c


def _undiagonal(x, shape, offset=0, dim1=0, dim2=1):
    return torch.diagonal_scatter(torch.zeros(shape, dtype=x.dtype), x, offset, dim1, dim2)


def _sum_to(x, shape):
    return x.sum_to_size(shape)


def _kernel_side(n):
    function = getattr(torch.nn.grad, f"conv{n}d_weight")

    def call(x, g, kernel_size, groups=1, **more):
        channels = x.shape[-n - 1] // groups
        size = (g.shape[-n - 1], channels, *((kernel_size,) * n if isinstance(kernel_size, int) else kernel_size))
        lone = x.ndim == n + 1
        return function(x[None] if lone else x, size, g[None] if lone else g, groups=groups, **more)

    return call


def _back(pool):
    """What a pooling, linear where its places are known, hands back."""

    def call(g, *tap, shape, kernel_size, **more):
        x = torch.zeros(shape, dtype=g.dtype, requires_grad=True)
        return torch.autograd.grad(pool(x, *tap, kernel_size=kernel_size, **more), x, g, create_graph=True)[0]

    return call


def _take(x, tap, kernel_size, stride=None, padding=0):
    """The element of each window at a place, by torch's own unfolding."""
    n = 1 if isinstance(kernel_size, int) else len(kernel_size)
    sizes = ((kernel_size,) if n == 1 else kernel_size)
    steps = sizes if stride is None else (stride,) * n
    x = F.pad(x, (padding,) * 2 * n)
    for k in range(n):  # each unfolded axis moves on by the taps that come last
        x = x.unfold(x.ndim - n, sizes[k], steps[k])
    flat = x.reshape(*x.shape[: x.ndim - n], -1)
    return flat.gather(-1, tap[..., None])[..., 0]


def _avg(x, kernel_size, **more):
    lone = x.ndim == (1 if isinstance(kernel_size, int) else len(kernel_size))
    pool = F.avg_pool1d if isinstance(kernel_size, int) else F.avg_pool2d
    return pool(x[None], kernel_size, **more)[0] if lone else pool(x, kernel_size, **more)


# what torch calls otherwise, or with other arguments
TORCH = {
    "abs": torch.abs,
    "cast": lambda x, dtype: x.to(getattr(torch, dtype)),
    "identity": lambda x: x.clone(),
    "swap_last": lambda x: x.transpose(-1, -2),
    "transpose": lambda x, axes=None: x.permute(axes or tuple(reversed(range(x.ndim)))),
    "expand_dims": _expand_dims,
    "squeeze": _squeeze,
    "broadcast_to": lambda x, shape: torch.broadcast_to(x, shape),
    "reshape": lambda x, shape: x.reshape(shape),
    "sum_to": _sum_to,
    "slice": _slice,
    "unslice": _unslice,
    "concat": lambda *xs, axis=0: torch.cat(xs, axis),
    "stack": lambda *xs, axis=0: torch.stack(xs, axis),
    "pad": lambda x, pad, mode="constant", value=None: F.pad(x, pad, mode, value),
    "flip": lambda x, axis=None: torch.flip(x, tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else axis),
    "roll": _roll,
    "tile": lambda x, dims: torch.tile(x, (dims,) if isinstance(dims, int) else dims),
    "gather": _gather,
    "scatter_rows": _scatter_rows,
    "take_along": lambda x, i, axis=-1: torch.take_along_dim(x, i, axis),
    "put_along": _put_along,
    "scatter_add": _scatter_add,
    "pack": lambda *xs: torch.cat([x.reshape(-1) for x in xs]),
    "unpack": lambda x, start, shape: x[start : start + int(np.prod(shape))].reshape(shape),
    "sum": _reduced(torch.sum),
    "mean": _reduced(torch.mean),
    "prod": _one_by_one(torch.prod),
    "var": _reduced(torch.var),
    "std": _reduced(torch.std),
    "norm": _reduced(lambda x, **attrs: torch.linalg.vector_norm(x, **attrs)),
    "max": _reduced(torch.amax),
    "min": _reduced(torch.amin),
    "logsumexp": _reduced(torch.logsumexp),
    "cumsum": _along(torch.cumsum),
    "cumprod": _along(torch.cumprod),
    "recur": _recur,
    "trace": lambda x: torch.diagonal(x, dim1=-2, dim2=-1).sum(-1),
    "undiagonal": _undiagonal,
    "qr_q": lambda x: torch.linalg.qr(x)[0],
    "softmax": _along(torch.softmax),
    "log_softmax": _along(torch.log_softmax),
    "prelu": lambda x, w: torch.where(x > 0, x, w * x),
    "dot": torch.dot,
    "dropout": lambda x, p=0.5: F.dropout(x, p, training=False),
    "conv1d_kernel": _kernel_side(1),
    "conv2d_kernel": _kernel_side(2),
    "pool_put": _back(_take),
    "pool_take": _take,
    "avg_pool_put": _back(_avg),
}


def oracle(op):
    """The function of torch's that computes it."""
    if op.name in TORCH:
        return TORCH[op.name]
    found = torch
    for part in (op.torch or op.name).split("."):
        found = getattr(found, part)
    return found


def tolerance(op):
    """torch keeps hard_sigmoid's 1/6 in single precision."""
    return 1e-7 if op.name == "hard_sigmoid" else 1e-9


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("op", "case"), table())
def test_agrees_with_torch(op, case):
    rng = generator(op, case)
    b, inputs, node = single(op, case)
    operands = draw(case, rng)
    seed = b.input("seed", b.shape(node), b.dtype(node))
    cotangent = rng.standard_normal(b.shape(node))
    real = [i for i, d in zip(inputs, dtypes(case), strict=True) if d == "float64"]
    graph, gradients = backward(b.graph, node, real, seed)
    values = evaluate(graph, {**dict(zip(inputs, operands, strict=True)), seed: cotangent})
    tensors = [torch.tensor(x) for x in operands]
    for t in tensors:
        t.requires_grad_(t.is_floating_point())
    out = oracle(op)(*tensors, **case.attrs)
    np.testing.assert_allclose(values[node], out.detach().numpy(), rtol=1e-11, atol=1e-13)
    theirs = torch.autograd.grad(out, [t for t in tensors if t.requires_grad], torch.tensor(cotangent), allow_unused=True)
    for i, t in zip(real, theirs, strict=True):
        expected = np.zeros(b.shape(i)) if t is None else t.numpy()
        np.testing.assert_allclose(values[gradients[i]], expected, rtol=tolerance(op), atol=1e-12)


WITHOUT_GRADIENT = [
    ("argmax", lambda x: x.argmax(-1), {"axis": -1}),
    ("argmin", lambda x: x.argmin(), {}),
    ("sign", torch.sign, {}),
    ("floor", torch.floor, {}),
    ("ceil", torch.ceil, {}),
    ("round", torch.round, {}),
    ("isnan", torch.isnan, {}),
    ("isfinite", torch.isfinite, {}),
    ("logical_not", torch.logical_not, {}),
    ("any", lambda x: (x != 0).any(1), {"axis": 1}),
    ("all", lambda x: (x != 0).all(0), {"axis": 0}),
    ("stop_gradient", torch.Tensor.detach, {}),
]


@pytest.mark.parametrize(("name", "function", "attrs"), WITHOUT_GRADIENT, ids=[w[0] for w in WITHOUT_GRADIENT])
def test_values_without_gradient(name, function, attrs):
    x = np.array([[-1.5, 0.0, 2.5], [np.inf, 0.5, np.nan], [-0.5, 0.0, -np.inf]])
    if name.startswith("arg"):
        x = np.nan_to_num(x)
    if name == "sign":
        x[np.isnan(x)] = 0.0  # torch.sign makes 0 of nan; ours keeps it, as NumPy does
    defaults = {a.name: a.default for a in OPS[name].attrs}
    found = OPS[name].kernel(np, x, **{**defaults, **attrs})
    np.testing.assert_array_equal(found, function(torch.tensor(x)).numpy())


@pytest.mark.parametrize("name", ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "logical_and", "logical_or"])
def test_comparisons(name):
    a, b = np.array([0.0, 1.0, np.nan, 2.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0, np.nan])
    found = OPS[name].kernel(np, a, b)
    np.testing.assert_array_equal(found, oracle(OPS[name])(torch.tensor(a), torch.tensor(b)).numpy())


@pytest.mark.parametrize(
    "name", ["relu", "abs", "relu6", "leaky_relu", "hard_tanh", "hard_swish", "hard_sigmoid", "elu", "selu", "celu", "softplus"]
)
def test_kinks_are_torchs(name):
    x = np.array([-6.0, -3.0, -1.0, -0.0, 0.0, 1.0, 3.0, 6.0, 20.0, 21.0])
    b = Builder()
    i, seed = b.input("x", x.shape, "float64"), b.input("s", x.shape, "float64")
    graph, found = backward(b.graph, OPS[name](b, i), [i], seed)
    t = torch.tensor(x, requires_grad=True)
    oracle(OPS[name])(t).sum().backward()
    ours = evaluate(graph, {i: x, seed: np.ones_like(x)}, [found[i]])[found[i]]
    np.testing.assert_allclose(ours, t.grad.numpy(), rtol=tolerance(OPS[name]), atol=1e-15)
