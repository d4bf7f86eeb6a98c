"""Every name of the language is documented, with the arguments, order and defaults that PyTorch documents (of axes, NumPy)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import graphrun as gr

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
CALLS = {m.group(2): m.group(1) for m in re.finditer(r"^\| `((\w+)\(.*?\))` \| (?:`.*?`: )?\S", PAGE, re.MULTILINE)}

OF_ONE = """
abs acos acosh asin asinh atan atanh ceil cos cosh erf erfinv exp exp2 expm1 floor hard_sigmoid hard_swish identity isfinite isnan log
log10 log1p log2 log_sigmoid logical_not mish neg reciprocal relu relu6 round rsqrt selu sigmoid sign silu sin sinh softsign sqrt square
stop_gradient tan tanh trace
"""
OF_TWO = """
add atan2 div dot equal greater greater_equal less less_equal logaddexp logical_and logical_or matmul maximum minimum mod mul not_equal
outer power sub
"""
ALONG = "all any logsumexp max mean min prod sum"  # (x, axis=none, keepdims=false)
POOL = "x, kernel_size, stride=none, padding=0"
CONV = "x, weight, bias=none, stride=1, padding=0, dilation=1, groups=1"
TRANSPOSED = "x, weight, bias=none, stride=1, padding=0, output_padding=0, groups=1, dilation=1"
WRITTEN = f"""
arange(start, end=none, step=1)
argmax(x, axis=none, keepdims=false)
argmin(x, axis=none, keepdims=false)
avg_pool1d({POOL}, ceil_mode=false, count_include_pad=true)
avg_pool2d({POOL}, ceil_mode=false, count_include_pad=true, divisor_override=none)
bernoulli(p, shape=none)
broadcast_to(x, shape)
cast(x, dtype)
celu(x, alpha=1.0)
clip(x, min=none, max=none)
concat([arrays, ...], axis=0)
conv1d({CONV})
conv2d({CONV})
conv_transpose1d({TRANSPOSED})
conv_transpose2d({TRANSPOSED})
cumprod(x, axis)
cumsum(x, axis)
diagonal(x, offset=0, dim1=0, dim2=1)
dropout(x, p=0.5)
einsum('ij,jk->ik', a, b)
elu(x, alpha=1.0)
expand_dims(x, axis)
eye(n, m=none)
flatten(x, start_dim=0, end_dim=-1)
flip(x, axis=none)
full(shape, fill_value)
gather(x, index, axis=0, negative=true)
gelu(x, approximate='none')
hard_tanh(x, min_val=-1.0, max_val=1.0)
leaky_relu(x, negative_slope=0.01)
linspace(start, end, steps)
log_softmax(x, axis=-1)
max_pool1d({POOL}, dilation=1, ceil_mode=false)
max_pool2d({POOL}, dilation=1, ceil_mode=false)
norm(x, ord=2.0, axis=none, keepdims=false)
normal(shape, mean=0.0, std=1.0)
one_hot(x, num_classes)
ones(shape)
orthogonal(shape, gain=1.0)
pad(x, pad, mode='constant', value=0.0)
prelu(x, weight)
qr(x, mode='reduced')
reshape(x, shape)
roll(x, shifts, axis=none)
scatter_add(x, index, source, axis=0)
slice(x, axis=0, start=none, end=none, step=1)
softmax(x, axis=-1)
softplus(x, beta=1.0, threshold=20.0)
sort(x, axis=-1, descending=false, stable=false)
split(x, split_size_or_sections, axis=0)
squeeze(x, axis=none)
stack([arrays, ...], axis=0)
std(x, axis=none, keepdims=false, correction=1)
take_along(x, index, axis=-1, negative=true)
tile(x, dims)
topk(x, k, axis=-1, largest=true, sorted=true)
transpose(x, axes=none)
tril(x, diagonal=0)
triu(x, diagonal=0)
truncated_normal(shape, mean=0.0, std=1.0, a=-2.0, b=2.0)
uniform(shape, low=0.0, high=1.0)
var(x, axis=none, keepdims=false, correction=1)
where(c, a, b)
zeros(shape)

attention(query, key, value, mask=none, causal=false, scale=none, dropout_p=0)
batch_norm(x, eps=1e-5, momentum=0.1, affine=true)
conv(x, channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, activation=none, bias=true)
dense(x, units, activation=none, bias=true)
embedding(x, num_embeddings, embedding_dim, padding_idx=none)
group_norm(x, num_groups, eps=1e-5, affine=true, axis=1)
gru(x, hidden_size, bias=true, h0=none)
layer_norm(x, normalized_shape=[dim(x)], eps=1e-5, elementwise_affine=true, bias=true)
lstm(x, hidden_size, bias=true, h0=none, c0=none)
multi_head_attention(query, num_heads, key=query, value=key, mask=none, causal=false, bias=true, dropout_p=0)
residual(x, f)
rms_norm(x, normalized_shape=[dim(x)], eps=none, elementwise_affine=true)
rnn(x, hidden_size, nonlinearity=tanh, bias=true, h0=none)

absolute_error(prediction, target)
binary_cross_entropy(prediction, target)
binary_cross_entropy_with_logits(logits, target, pos_weight=none)
cross_entropy(logits, target, axis=-1, weight=none, ignore_index=none, label_smoothing=0)
hinge(prediction, target, margin=1)
huber(prediction, target, delta=1)
kl_divergence(p, q, axis=-1)
nll(log_probabilities, target, axis=-1, weight=none, ignore_index=none)
squared_error(prediction, target)

adadelta(lr=1, rho=0.9, eps=1e-6, weight_decay=0)
adagrad(lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0, eps=1e-10)
adam(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0, amsgrad=false)
adamw(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2, amsgrad=false)
lion(lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0)
momentum(lr=1e-3, momentum=0.9, dampening=0, weight_decay=0)
nesterov(lr=1e-3, momentum=0.9, weight_decay=0)
rmsprop(lr=1e-2, alpha=0.99, eps=1e-8, momentum=0, centered=false, weight_decay=0)
sgd(lr=1e-3, momentum=0, dampening=0, nesterov=false, weight_decay=0)

cosine(lr, warmup=0, eta_min=0, T_max=steps - warmup)
exponential(lr, gamma)
one_cycle(max_lr, total_steps=steps, pct_start=0.3, anneal_strategy='cos', div_factor=25, final_div_factor=1e4)
step_decay(lr, step_size, gamma=0.1)
warmup(lr, total_iters, start_factor=1 / total_iters)

glorot_normal(shape, fan_in, fan_out, gain=1)
glorot_uniform(shape, fan_in, fan_out, gain=1)
he_normal(shape, fan_in, fan_out, a=0, mode='fan_in')
he_uniform(shape, fan_in, fan_out, a=0, mode='fan_in')
lecun_normal(shape, fan_in)
"""
TWICE = {  # names of two kinds
    "constant": ("constant(lr, factor=1, total_iters=0)", "constant(shape, value)"),
    "linear": ("linear(x, units)", "linear(lr, start_factor=1, end_factor=0, total_iters=steps)"),
}
BLOCK = (
    "transformer_block(x, num_heads, dim_feedforward=2048, dropout_p=0.1, activation=relu, layer_norm_eps=1e-5, norm_first=false, "
    "bias=true, mask=none, causal=false)"
)


def expected() -> list[str]:
    lines = [line for line in WRITTEN.splitlines() if line]
    lines += [f"{name}(x)" for name in OF_ONE.split()] + [f"{name}(a, b)" for name in OF_TWO.split()]
    return [*lines, *(f"{name}(x, axis=none, keepdims=false)" for name in ALONG.split()), BLOCK]


@pytest.mark.parametrize("call", expected(), ids=lambda call: call.partition("(")[0])
def test_the_page_has_every_name_as_pytorch_documents_it(call: str) -> None:
    assert CALLS[call.partition("(")[0]] == call


def test_the_names_of_two_kinds_are_there_twice() -> None:
    for calls in TWICE.values():
        for call in calls:
            assert f"| `{call}` | " in PAGE


HELPERS = {  # documented, as a spec can call them, but no names of the language's list
    *("affine", "convolved", "normalized", "projection", "norm_last_block", "norm_first_block", "rnn_cell", "lstm_cell", "gru_cell"),
    *("counted_norm", "running_norm", "fan_in_uniform", "normal_rows", "standardize", "min_max"),
}


def test_the_page_has_no_other_names() -> None:
    assert set(CALLS) - {call.partition("(")[0] for call in expected()} - set(TWICE) == HELPERS


@pytest.mark.parametrize(
    "formula",
    [
        *("sort(x, axis=0, descending=true, stable=true)[0]", "sort(x, 0, true, true)[1]"),
        *("split(x, split_size_or_sections=[1, 2], axis=1)[1]", "split(x, 1)[1]"),
        *("topk(x, k=1, axis=1, largest=false, sorted=false)[0]", "topk(x, 1, 1, false, true)[1]", "qr(x, mode='reduced')[0]"),
        *("slice(x, axis=1, start=0, end=3, step=2)", "slice(x, 1, 0, 3, 2)", "clip(x, min=0, max=1)", "clip(x, 0, 1)"),
        *("norm(x, 1, 0, true)", "norm(x, ord=1, axis=0, keepdims=true)"),
        *("einsum('ij->ji', x)", "einsum('ij,ij->', [x, x])", "repeat(x, f=tanh, n=2)", "scan(x, f=add, start=zeros([3]), axis=0)"),
    ],
)
def test_forms_take_their_arguments_by_position_and_by_name(formula: str) -> None:
    gr.loads(f"graphrun: 1\ninputs: {{x: {{shape: [2, 3], default: 1}}}}\nnodes:\n  y: \"{formula}\"\n").run()


@pytest.mark.parametrize(
    ("formula", "what"), [("sort(x, stable=3)", "`stable` of `sort`"), ("topk(x, 1, sorted='no')", "`sorted` of `topk`")]
)
def test_what_makes_no_difference_is_judged_too(formula: str, what: str) -> None:
    with pytest.raises(gr.SpecError, match=f"{what} must be true or false"):
        gr.loads(f"graphrun: 1\ninputs: {{x: {{shape: [3]}}}}\nnodes:\n  y: \"{formula}[0]\"\n")
