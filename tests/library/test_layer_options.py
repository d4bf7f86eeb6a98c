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
    "layer norm of five axes alone": Layer(
        "x -> layer_norm([2, 1, 2, 3, 2], elementwise_affine=false)", (3, 2, 1, 2, 3, 2),
        lambda t: t.nn.LayerNorm([2, 1, 2, 3, 2], elementwise_affine=False), {},
    ),
    "layer norm of five axes": Layer(
        "x -> layer_norm([2, 1, 2, 3, 2])", (3, 2, 1, 2, 3, 2), lambda t: t.nn.LayerNorm([2, 1, 2, 3, 2]), PLAIN
    ),
    "rms norm of five axes": Layer("x -> rms_norm([2, 1, 2, 3, 2])", (3, 2, 1, 2, 3, 2), lambda t: t.nn.RMSNorm([2, 1, 2, 3, 2]), ALONE),
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


SIZES = {
    "layer_norm([4, 3], elementwise_affine=false)": "in `layer_norm`: the last axes are to have the sizes [4, 3], and the shape is {}",
    "layer_norm(3, elementwise_affine=false)": "in `layer_norm`: the last axes are to have the sizes [3], and the shape is {}",
    "layer_norm([5, 2, 3, 4])": "in `layer_norm`: the last axes are to have the sizes [5, 2, 3, 4], and the shape is {}",
    "layer_norm([], elementwise_affine=false)": (
        "in `layer_norm`: the sizes of the last axes are a whole number or a list of them; here is an empty list"
    ),
    "layer_norm([3.5])": "in `layer_norm`: the sizes of the last axes are a whole number or a list of them; here is a list that holds 3.5",
    "rms_norm([1, 4], elementwise_affine=false)": "in `rms_norm`: the last axes are to have the sizes [1, 4], and the shape is {}",
}


@pytest.mark.parametrize("call", SIZES)
def test_sizes_that_are_not_those_of_the_last_axes_are_told(call: str) -> None:
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(f"graphrun: 1\ninputs:\n  x: {{shape: [batch, 3, 4]}}\nnodes:\n  h: x -> {call}\n")
    (told,) = caught.value.diagnostics
    assert (told.message, told.place.line, told.place.column) == (SIZES[call].format("[batch, 3, 4]"), 5, 6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rms_norm_of_next_to_nothing_is_torchs(dtype: str) -> None:
    """There the smallest step of the dtype, which is `eps` where none is given, decides."""
    torch = pytest.importorskip("torch")
    x = (drawn(1, 3, 4) * (1e-4 if dtype == "float32" else 1e-8)).astype(dtype)
    found = gr.loads(f"graphrun: 1\ndtype: {dtype}\ninputs: {{x: {{shape: [batch, 4]}}}}\nnodes: {{h: x -> rms_norm}}\n").run(x=x)["h"]
    wanted = torch.nn.RMSNorm(4, dtype=getattr(torch, dtype))(torch.tensor(x)).detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("momentum", ["none", "0.3"])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 2, 5)])
def test_batch_norm_over_three_steps_is_torchs(shape: tuple[int, ...], momentum: str) -> None:
    """Training passes move the statistics, evaluation uses them: over all passes alike with `momentum=none`."""
    torch = pytest.importorskip("torch")
    rows = np.stack([drawn(k, *shape) * (1 + k) for k in range(3)]).reshape(-1, *shape[1:])
    sizes = ", ".join(map(str, shape[1:]))
    model = gr.loads(
        f"graphrun: 1\ninputs: {{x: {{shape: [batch, {sizes}]}}}}\nnodes:\n  h: x -> batch_norm(momentum={momentum})\n"
        "  J: mean(h^4)\nloss: J\n"
        f"data: {{rows: {[[r] for r in rows.tolist()]}, columns: [x]}}\n"
        f"train: {{optimizer: sgd(lr=0.1), batch: {shape[0]}, shuffle: false, steps: 3}}\n"
    )
    kind = torch.nn.BatchNorm1d if len(shape) == 2 else torch.nn.BatchNorm2d
    module = kind(3, momentum=None if momentum == "none" else float(momentum), dtype=torch.float64)
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    for x in torch.tensor(rows).split(shape[0]):
        optimizer.zero_grad()
        (module(x) ** 4).mean().backward()
        optimizer.step()
    for engine in ("python", "reference"):
        model.train(engine=engine)
        state = {"running_mean": module.running_mean, "running_var": module.running_var}
        if momentum == "none":
            state["num_batches_tracked"] = module.num_batches_tracked
        assert set(model.state) == {f"h.{name}" for name in state}
        for name, theirs in state.items():
            np.testing.assert_allclose(model.state[f"h.{name}"], theirs.numpy(), rtol=1e-11)
        for name in ("weight", "bias"):
            np.testing.assert_allclose(model.params[f"h.{name}"], getattr(module, name).detach().numpy(), rtol=1e-10, atol=1e-12)
    module.eval()
    x = drawn(9, *shape)
    np.testing.assert_allclose(model.run(x=x)["h"], module(torch.tensor(x)).detach().numpy(), rtol=1e-10, atol=1e-12)
