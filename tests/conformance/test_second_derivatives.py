"""Hessian-vector products, written in a spec by `grad(J, x)`, against PyTorch's double backward on the samples of its database."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphrun as gr

pytest.importorskip("torch")
pytest.importorskip("expecttest")

import torch
from conformance_compare import DTYPES, Entry, OutsideError, called, quoted, samples, written
from conformance_table import TABLE
from test_conformance import database  # noqa: F401  (a fixture)

LARGEST = 1000  # elements of a sample
TRIED = 12  # samples, of which the first that is bent is compared


def products(entry: Entry, op: Any, sample: Any) -> tuple[str, dict[str, Any], dict[str, Any]] | None:
    """A spec with a Hessian-vector product, its feeds, and PyTorch's gradients of the product; None where it cannot be asked for."""
    try:
        formula, arrays = written(entry, sample)
    except OutsideError:
        return None
    tensors, results = called(entry, op, sample, arrays.tensors)
    wanted = [k for k, t in enumerate(tensors) if t.requires_grad]
    real = [k for k, r in enumerate(results) if r.requires_grad]
    if not wanted or not real or not 0 < sum(t.numel() for t in tensors) <= LARGEST or not all(r.numel() for r in results):
        return None
    rng = np.random.default_rng(0)
    given = {f"x{k}": t for k, t in enumerate(tensors)}
    given.update({f"r{k}": torch.tensor(rng.normal(size=results[k].shape)) for k in real})
    given.update({f"u{k}": torch.tensor(rng.normal(size=tensors[k].shape)) for k in wanted})
    xs = [tensors[k] for k in wanted]
    total = sum((results[k] * given[f"r{k}"] + results[k] ** 2 / 2).sum() for k in real)
    first = torch.autograd.grad(total, xs, create_graph=True, allow_unused=True, materialize_grads=True)
    along = sum((g * given[f"u{k}"]).sum() for g, k in zip(first, wanted, strict=True))
    if not along.requires_grad:
        return None
    second = torch.autograd.grad(along, xs, allow_unused=True, materialize_grads=True)
    lines = ["graphrun: 1", "inputs:"]
    lines += [f"  {n}: {{shape: {list(t.shape)}, dtype: {DTYPES.get(t.dtype, 'int64')}}}" for n, t in given.items()]
    items = {k: f"y[{k}]" if len(results) > 1 or entry.formula.startswith("split") else "y" for k in real}
    parts = [f"sum({y} * r{k} + {y}^2 / 2)" for k, y in items.items()]  # the square bends what is linear itself
    lines += ["nodes:", f"  y: {quoted(formula)}", f"  J: {quoted(' + '.join(parts))}"]
    lines += [f"  g{k}: grad(J, x{k})" for k in wanted]
    lines += [f"  H: {' + '.join(f'sum(g{k} * u{k})' for k in wanted)}", "loss: H"]
    feeds = {n: t.detach().numpy() for n, t in given.items()}
    return "\n".join(lines) + "\n", feeds, {f"x{k}": s.numpy(force=True) for k, s in zip(wanted, second, strict=True)}


def bent(name: str, op: Any) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The first sample with second derivatives, if there is one among the first few."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k, sample in enumerate(samples(op)):
            found = products(TABLE[name], op, sample) if k < TRIED else None
            if found is not None and any(np.abs(v).max(initial=0) > 0 and np.isfinite(v).all() for v in found[2].values()):
                yield found
                return


FLAT = {"ceil", "floor", "round", "sign", "nn.functional.one_hot", "__rpow__"}  # the last is a negative number to a real power: nan


@pytest.mark.parametrize("name", list(TABLE))
def test_hessian_vector_products_are_torchs(name: str, database: Any) -> None:  # noqa: F811
    op = database[name]
    if not op.supports_autograd or not op.supports_gradgrad:
        return
    found = list(bent(name, op))
    assert (not found) == (name in FLAT)
    for text, feeds, expected in found:
        g = gr.loads(text).grad(feeds=feeds)
        for x, value in expected.items():
            largest = max(float(np.abs(value).max(initial=0)), 1.0)
            np.testing.assert_allclose(g[x], value, rtol=max(1e-7, 10 * TABLE[name].exact), atol=1e-10 * largest, err_msg=f"{x} in\n{text}")
