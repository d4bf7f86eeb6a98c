"""Models that learn where things lie: latent variables, embeddings and densities, beside the same models in torch."""

from __future__ import annotations

from typing import Any

import pytest
from beside_torch import Forward, Optimizer, agrees_for_a_step, dense


def vae(torch: Any, p: Any, x: Any) -> Any:
    hidden = torch.tanh(dense(p, x["x"], "hidden"))
    q = torch.distributions.Normal(dense(p, hidden, "mean"), torch.exp(dense(p, hidden, "log_variance") / 2))
    z = q.loc + q.scale * x["noise"]
    logits = dense(p, torch.tanh(dense(p, z, "logits.0")), "logits.1")
    reconstruction = torch.nn.BCEWithLogitsLoss(reduction="none")(logits, x["x"]).sum(-1)
    prior = torch.distributions.Normal(torch.zeros_like(z), torch.ones_like(z))
    return (reconstruction + torch.distributions.kl_divergence(q, prior).sum(-1)).mean()


def siamese(torch: Any, p: Any, x: Any) -> Any:
    a, b = (torch.tanh(dense(p, x[side], "a.0")) @ p["a.1.weight"] for side in ("left", "right"))
    apart = torch.nn.PairwiseDistance(eps=0)(a, b)
    far = torch.clamp(1 - apart, min=0)
    return torch.where(x["same"] == 1, apart**2, far**2).mean()


def gru_classifier(torch: Any, p: Any, x: Any) -> Any:
    module = torch.nn.GRU(2, 6, batch_first=True, dtype=torch.float64)
    own = {f"weight_{n}_l0": p[f"memory.weight_{n}"].T for n in ("ih", "hh")}
    own.update({f"bias_{n}_l0": p[f"memory.bias_{n}"] for n in ("ih", "hh")})
    symbols = torch.nn.functional.embedding(x["brackets"], p["symbols.weight"])
    last = torch.func.functional_call(module, own, symbols)[1][0]
    return torch.nn.BCEWithLogitsLoss()(dense(p, last, "logit")[:, 0], x["nested"])


def matrix_factorisation(torch: Any, p: Any, x: Any) -> Any:
    def of(name: str, place: str) -> Any:
        return torch.nn.functional.embedding(x[place], p[f"{name}.weight"])

    predicted = (of("likes", "person") * of("has", "film")).sum(1) + of("kindness", "person")[:, 0] + of("fame", "film")[:, 0]
    return torch.nn.MSELoss()(predicted + p["average"], x["rating"])


def word2vec(torch: Any, p: Any, x: Any) -> Any:
    F = torch.nn.functional
    meaning = F.embedding(x["word"], p["meaning.weight"])
    near, others = (F.embedding(places, p["around.weight"]) for places in (x["near"], x["drawn"]))
    noise = torch.einsum("bw,bnw->bn", meaning, others)
    return -(F.logsigmoid((meaning * near).sum(1)) + F.logsigmoid(-noise).sum(1)).mean()


def mixture_density(torch: Any, p: Any, x: Any) -> Any:
    hidden = torch.tanh(dense(p, x["x"], "hidden"))
    parts = torch.distributions.Normal(dense(p, hidden, "mean"), torch.exp(dense(p, hidden, "log_spread")))
    weights = torch.distributions.Categorical(logits=dense(p, hidden, "log_weight"))
    return -torch.distributions.MixtureSameFamily(weights, parts).log_prob(x["t"][:, 0]).mean()


def all_decay_but_numbers(o: Any, p: Any) -> Any:
    groups = [{"params": [v for v in p if v.ndim]}, {"params": [v for v in p if not v.ndim], "weight_decay": 0}]
    return o.AdamW(groups, 0.05, weight_decay=0.1)


CASES: dict[str, tuple[Forward, Optimizer]] = {
    "vae": (vae, lambda o, p: o.Adam(p, 0.05)),
    "siamese": (siamese, lambda o, p: o.Adam(p, 0.05)),
    "gru_classifier": (gru_classifier, lambda o, p: o.Adam(p, 0.05)),
    "matrix_factorisation": (matrix_factorisation, all_decay_but_numbers),
    "word2vec": (word2vec, lambda o, p: o.Adam(p, 0.02)),
    "mixture_density": (mixture_density, lambda o, p: o.Adam(p, 0.03)),
}

DRAWN = {"vae": ("noise",), "word2vec": ("drawn",)}


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_torchs(name: str) -> None:
    agrees_for_a_step(name, *CASES[name], drawn=DRAWN.get(name, ()))
