"""Options of layers that torch.nn has too: kernels, groups, axes, masks, initial states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from library_helpers import Layer, compare, drawn, same
from test_layers import BLOCK, HEADS, PLAIN, RECURRENT, as_torch, attend, block, first

import graphrun as gr

ALONE = {"h.weight": ("weight", same)}
EACH = np.random.default_rng(3).random((3, 4, 4)) < 0.7
EACH[..., 0] = True  # every query may look at something
UNBIASED = {name: of for name, of in BLOCK.items() if not name.endswith("bias")}


def heads(torch: Any, n: int = 2, **more: Any) -> Any:
    return torch.nn.MultiheadAttention(6, n, batch_first=True, **more)


def start(*parts: int, rows: int = 3) -> Any:
    """Initial states as torch takes them, [1, batch, 4]."""
    found = tuple(as_torch(drawn(k, 1, rows, 4)) for k in parts)
    return found if len(found) > 1 else found[0]


LAYERS = {
    "conv of each channel by itself": Layer(
        "x -> conv(4, 3, groups=4, padding=1)", (2, 4, 5, 5), lambda t: t.nn.Conv2d(4, 4, 3, 1, 1, 1, 4), PLAIN
    ),
    "conv valid": Layer(
        "x -> conv(2, [2, 3], padding='valid', stride=2)", (2, 3, 5, 7), lambda t: t.nn.Conv2d(3, 2, (2, 3), 2, "valid"), PLAIN
    ),
    "layer norm without a bias": Layer("x -> layer_norm(bias=false)", (4, 5), lambda t: t.nn.LayerNorm(5, bias=False), ALONE),
    "conv of sequences, dilated": Layer(
        "x -> conv(6, [3], padding=2, dilation=2, groups=3)", (2, 3, 7), lambda t: t.nn.Conv1d(3, 6, 3, 1, 2, 2, 3), PLAIN
    ),
    "conv of one sequence": Layer("x -> conv(2, [4])", (3, 7), lambda t: t.nn.Conv1d(3, 2, 4), PLAIN, one_row=True),
    "conv same, dilated": Layer(
        "x -> conv(2, [3, 5], padding='same', dilation=[2, 1])", (2, 3, 5, 6),
        lambda t: t.nn.Conv2d(3, 2, (3, 5), padding="same", dilation=(2, 1)), PLAIN,
    ),
    "layer norm of a number": Layer("x -> layer_norm(5)", (4, 3, 5), lambda t: t.nn.LayerNorm(5), PLAIN),
    "layer norm of three axes": Layer("x -> layer_norm([2, 3, 4])", (3, 2, 3, 4), lambda t: t.nn.LayerNorm([2, 3, 4]), PLAIN),
    "layer norm of four axes": Layer("x -> layer_norm([2, 2, 3, 2])", (3, 2, 2, 3, 2), lambda t: t.nn.LayerNorm([2, 2, 3, 2]), PLAIN),
    "layer norm of two axes alone": Layer(
        "x -> layer_norm([3, 4], elementwise_affine=false)", (2, 3, 4), lambda t: t.nn.LayerNorm([3, 4], elementwise_affine=False), {}
    ),
    "rms norm of two axes": Layer("x -> rms_norm([3, 4], 1e-3)", (2, 3, 4), lambda t: t.nn.RMSNorm([3, 4], 1e-3), ALONE),
    "rms norm alone": Layer(
        "x -> rms_norm(eps=1e-5, elementwise_affine=false)", (4, 5), lambda t: t.nn.RMSNorm(5, 1e-5, elementwise_affine=False), {}
    ),
    "batch norm of volumes": Layer("x -> batch_norm", (3, 2, 2, 2, 3), lambda t: t.nn.BatchNorm3d(2), PLAIN),
    "batch norm, momentum": Layer("x -> batch_norm(1e-4, 0.3)", (3, 2, 4, 3), lambda t: t.nn.BatchNorm2d(2, 1e-4, 0.3), PLAIN),
    "group norm of sequences": Layer("x -> group_norm(3, 1e-3)", (3, 6, 4), lambda t: t.nn.GroupNorm(3, 6, 1e-3), PLAIN),
    "group norm of volumes": Layer("x -> group_norm(1)", (2, 2, 2, 3, 2), lambda t: t.nn.GroupNorm(1, 2), PLAIN),
    "group norm, each channel": Layer("x -> group_norm(4)", (3, 4, 2, 3), lambda t: t.nn.GroupNorm(4, 4), PLAIN),
    "multi head attention, a mask for each example": Layer(
        "x -> multi_head_attention(2, mask=m)", (3, 4, 6), heads, HEADS,
        lambda m, x: attend(m, x, attn_mask=~as_torch(EACH).repeat_interleave(2, 0)), {"m": EACH},
    ),
    "multi head attention, causal over other keys": Layer(
        "x -> multi_head_attention(2, k, causal=true)", (3, 4, 6), heads, HEADS,
        lambda m, x: m(x, *[as_torch(drawn(7, 3, 5, 6))] * 2, attn_mask=~as_torch(np.tri(4, 5, dtype=bool)))[0], {"k": drawn(7, 3, 5, 6)},
    ),
    "multi head attention by one head": Layer("x -> multi_head_attention(1)", (3, 4, 6), lambda t: heads(t, 1), HEADS, attend),
    "transformer block without a bias": Layer(
        "x -> transformer_block(2, 10, 0, bias=false)", (3, 4, 6), lambda t: block(t, bias=False), UNBIASED
    ),
    "transformer block, masked": Layer(
        "x -> transformer_block(3, 10, 0, norm_first=true, mask=m)", (3, 4, 6),
        lambda t: t.nn.TransformerEncoderLayer(6, 3, 10, 0.0, batch_first=True, norm_first=True), BLOCK,
        lambda m, x: m(x, src_mask=~as_torch(EACH).repeat_interleave(3, 0)), {"m": EACH},
    ),
    "transformer block of one sequence": Layer("x -> transformer_block(2, 10, 0)", (4, 6), block, BLOCK, one_row=True),
    "rnn from a state": Layer(
        "x -> rnn(4, h0=s)", (3, 5, 2), lambda t: t.nn.RNN(2, 4, batch_first=True), RECURRENT, lambda m, x: m(x, start(7))[0],
        {"s": drawn(7, 1, 3, 4)[0]},
    ),
    "rnn of one position": Layer("x -> rnn(4)", (3, 1, 2), lambda t: t.nn.RNN(2, 4, batch_first=True), RECURRENT, first),
    "gru from a state": Layer(
        "x -> gru(4, h0=s)", (3, 5, 2), lambda t: t.nn.GRU(2, 4, batch_first=True), RECURRENT, lambda m, x: m(x, start(7))[0],
        {"s": drawn(7, 1, 3, 4)[0]},
    ),
    "lstm from a state": Layer(
        "x -> lstm(4, h0=s, c0=c)[0]", (3, 5, 2), lambda t: t.nn.LSTM(2, 4, batch_first=True), RECURRENT, lambda m, x: m(x, start(7, 8))[0],
        {"s": drawn(7, 1, 3, 4)[0], "c": drawn(8, 1, 3, 4)[0]},
    ),
    "lstm, the last h": Layer(
        "(x -> lstm(4))[0][:, -1]", (3, 5, 2), lambda t: t.nn.LSTM(2, 4, batch_first=True), RECURRENT, lambda m, x: m(x)[1][0][0]
    ),
}  # fmt: skip


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("name", LAYERS)
def test_options_are_torchs(name: str, training: bool) -> None:
    compare(LAYERS[name], pytest.importorskip("torch"), training)


def test_two_layers_of_a_recurrent_net_are_two_calls() -> None:
    """As torch.nn.LSTM with `num_layers=2`, and in both directions with `flip`."""
    torch = pytest.importorskip("torch")
    module = torch.nn.LSTM(2, 4, num_layers=2, bidirectional=True, batch_first=True).double()
    text = "graphrun: 1\ninputs: {x: {shape: [batch, 5, 2]}}\nnodes:\n"
    text += "".join(
        f"  a{k}: {x} -> lstm(4)[0]\n  b{k}: flip(flip({x}, 1) -> lstm(4)[0], 1)\n  h{k}: concat([a{k}, b{k}], axis=-1)\n"
        for k, x in enumerate(["x", "h0"])
    )
    model = gr.loads(text)
    params = {}
    for k in range(2):
        for ours, theirs in (("a", ""), ("b", "_reverse")):
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
                value = getattr(module, f"{part}_l{k}{theirs}").detach().numpy()
                params[f"{ours}{k}.{part}"] = value.T if part.startswith("weight") else value
    x = drawn(1, 3, 5, 2)
    found = model.run(params=params, x=x)["h1"]
    np.testing.assert_allclose(found, module(torch.tensor(x))[0].detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("length", [4, 6])
def test_causal_attention_over_more_or_fewer_keys_is_torchs(length: int) -> None:
    torch = pytest.importorskip("torch")
    model = gr.loads(
        f"graphrun: 1\ninputs: {{q: {{shape: [5, 3]}}, k: {{shape: [{length}, 3]}}, v: {{shape: [{length}, 2]}}}}\n"
        "nodes:\n  h: attention(q, k, v, causal=true)\n"
    )
    x = {n: drawn(s, rows, d) for s, (n, rows, d) in enumerate((("q", 5, 3), ("k", length, 3), ("v", length, 2)))}
    theirs = torch.nn.functional.scaled_dot_product_attention(*(torch.tensor(v)[None] for v in x.values()), is_causal=True)[0]
    np.testing.assert_allclose(model.run(feeds=x)["h"], theirs.numpy(), rtol=1e-10)


def test_a_padding_index_may_count_from_the_end() -> None:
    torch = pytest.importorskip("torch")
    model = gr.loads(
        "graphrun: 1\ninputs: {x: {shape: [batch, 3], dtype: int64}, r: {shape: [batch, 3, 4]}}\n"
        "nodes:\n  h: x -> embedding(5, 4, padding_idx=-1)\n  J: sum(h * r)\nloss: J\n"
    )
    assert not model.params["h.weight"][4].any()
    weight, x, r = drawn(1, 5, 4), np.array([[0, 4, 4], [2, 2, 1]]), drawn(2, 2, 3, 4)
    layer = torch.nn.Embedding(5, 4, padding_idx=-1, _weight=torch.tensor(weight))
    (layer(torch.tensor(x)) * torch.tensor(r)).sum().backward()
    np.testing.assert_allclose(model.grad(params={"h.weight": weight}, feeds={"x": x, "r": r})["h.weight"], layer.weight.grad.numpy())
