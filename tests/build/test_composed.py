"""`sort`, `topk`, `qr`, `einsum`, and `clip` between values: values, gradients against PyTorch, and what is said of mistakes."""

import os
from pathlib import Path

import numpy as np
import pytest

import graphrun as gr

torch = pytest.importorskip("torch")


def spec(formula, *shapes, loss=None):
    lines = [f"  x{k}: {{shape: {list(s)}}}" for k, s in enumerate(shapes)]
    return "\n".join(["graphrun: 1", "inputs:", *lines, "nodes:", f'  y: "{formula}"', f'loss: "{loss}"' if loss else ""])


def drawn(shapes):
    rng = np.random.default_rng(7)
    return [rng.standard_normal(s) for s in shapes]


def gradients(formula, loss, *shapes):
    """The gradients of the loss by all arrays, and the arrays."""
    xs = drawn(shapes)
    model = gr.loads(spec(formula, *shapes, loss=loss))
    g = model.grad(**{f"x{k}": x for k, x in enumerate(xs)})
    return [g[f"x{k}"] for k in range(len(xs))], xs


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("bij,bjk->bik", [(2, 3, 4), (2, 4, 5)]),
        ("bhqd,bhkd->bhqk", [(2, 3, 4, 5), (2, 3, 6, 5)]),
        ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 3)]),
        ("a...b,b...->...a", [(2, 3, 4), (4, 3)]),
        ("i...->...", [(3, 2)]),
        ("ii->", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("iij,j->i", [(2, 2, 3), (3,)]),
        ("ij->ji", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("i,j->ij", [(2,), (3,)]),
        ("i,i->", [(3,), (3,)]),
        ("ij,kj->ik", [(2, 1), (4, 3)]),
        ("bn,anm,bm->ba", [(2, 5), (3, 5, 4), (2, 4)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)]),
        ("i,->i", [(3,), ()]),
        ("ij->ij", [(2, 3)]),
        (" ij , jk -> ik ", [(0, 3), (3, 4)]),
    ],
)
def test_einsum(equation, shapes):
    arrays = ", ".join(f"x{k}" for k in range(len(shapes)))
    found, xs = gradients(f"einsum('{equation}', {arrays})", "sum(sin(y))", *shapes)
    tensors = [torch.tensor(x, requires_grad=True) for x in xs]
    torch.einsum(equation, *tensors).sin().sum().backward()
    for a, t in zip(found, tensors, strict=True):
        np.testing.assert_allclose(a, t.grad.numpy(), rtol=1e-11, atol=1e-13)


def test_einsum_takes_a_list_and_symbolic_sizes():
    inputs = "inputs:\n  x: {shape: [batch, 3]}\n  w: {shape: [3, 4]}\n"
    model = gr.loads(f"graphrun: 1\n{inputs}nodes:\n  y: einsum('bi,io->bo', [x, w])\n  z: einsum('bi,ci->bc', x, x)\n")
    x, w = drawn([(5, 3), (3, 4)])
    found = model.run(x=x, w=w)
    np.testing.assert_allclose(found["y"], x @ w, rtol=1e-12)
    np.testing.assert_allclose(found["z"], x @ x.T, rtol=1e-12)


def test_a_matrix_product_is_one_step():
    built = gr.loads(spec("einsum('bij,bjk->bik', x0, x1)", (2, 3, 4), (2, 4, 5))).built
    assert [built.graph.op(i).name for i in range(len(built.graph))] == ["input", "input", "matmul"]


@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (3, 5), (2, 4, 3), (2, 2, 3)])
@pytest.mark.parametrize("loss", ["sum(sin(y[0]))", "sum(y[1]^3)", "sum(sin(y[0] @ y[1])) + sum(y[1]^2)"])
def test_qr(shape, loss):
    (found,), (x,) = gradients("qr(x0)", loss, shape)
    t = torch.tensor(x, requires_grad=True)
    q, r = torch.linalg.qr(t)
    {"sum(sin(y[0]))": q.sin().sum(), "sum(y[1]^3)": (r**3).sum()}.get(loss, (q @ r).sin().sum() + (r**2).sum()).backward()
    np.testing.assert_allclose(found, t.grad.numpy(), rtol=1e-9, atol=1e-11)


def test_ties_keep_their_order_both_ways():
    model = gr.loads(
        'graphrun: 1\ninputs: {x: [2, 1, 2, 1]}\nnodes: {u: sort(x), d: "sort(x, descending=true)", k: "topk(x, 2, largest=false)"}\n'
    )
    found = model.run()
    assert found["u.1"].tolist() == [1, 3, 0, 2]
    assert found["d.1"].tolist() == [0, 2, 1, 3]
    assert (found["k.0"].tolist(), found["k.1"].tolist()) == ([1, 1], [1, 3])
    assert found["k.1"].dtype == np.int64


def test_bounds_that_are_values():
    found, xs = gradients("clip(x0, x1, 0.5)", "sum(y^2)", (3, 4), (4,))
    x, low = (torch.tensor(v, requires_grad=True) for v in xs)
    (torch.clamp(x, low, torch.tensor(0.5)) ** 2).sum().backward()
    np.testing.assert_allclose(found[0], x.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(found[1], low.grad.numpy(), rtol=1e-12)
    assert [gr.loads(spec("x0 -> clip(0, 1)", (3,))).built.graph.op(1).name] == ["clip"]


WRONG = [
    ("einsum('ij,jk->ik', x0)", [(2, 3)]),
    ("einsum('ij,jk->ik', x0, x1)", [(2, 3), (4, 2)]),
    ("einsum('ijk->i', x0)", [(2, 3)]),
    ("einsum('ij->ik', x0)", [(2, 3)]),
    ("einsum('ij->ii', x0)", [(2, 3)]),
    ("einsum('i1->i', x0)", [(2, 3)]),
    ("einsum('ii->i', x0)", [(2, 3)]),
    ("einsum(x0, x0)", [(2, 3)]),
    ("einsum('ij->i', x0, axis=0)", [(2, 3)]),
    ("topk(x0, 4)", [(2, 3)]),
    ("topk(x0)", [(2, 3)]),
    ("sort(x0, 2)", [(2, 3)]),
    ("slice(x0, 2, 1)", [(2, 3)]),
    ("slice(x0, 1, 0.5)", [(2, 3)]),
    ("sort(x0)", [()]),
    ("qr(x0)", [(3,)]),
    ("qr(x0, 'complete')", [(3, 2)]),
    ("conv2d(x0, x1, padding='full')", [(3, 8, 8), (4, 3, 3, 3)]),
    ("conv2d(x0, x1, padding=true)", [(3, 8, 8), (4, 3, 3, 3)]),
    ("conv2d(x0)", [(3, 8, 8)]),
    ("conv2d(x0, x1)", [(3, 8, 8), (4, 2, 3, 3)]),
]


def test_messages():
    texts = []
    for formula, shapes in WRONG:
        with pytest.raises(gr.SpecError) as caught:
            gr.loads(spec(formula, *shapes))
        texts.append(str(caught.value))
    found = "\n\n".join(texts) + "\n"
    golden = Path(__file__).with_name("composed.txt")
    if os.environ.get("GRAPHRUN_REGENERATE"):
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")
