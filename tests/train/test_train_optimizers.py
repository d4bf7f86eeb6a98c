"""Optimizers written in a spec, the library's copied into one, what they may be given; and a run with everything, beside PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.build.shipped import definitions, excerpt
from graphrun.data.batches import Batches

ENGINES = ("reference", "python")
NET = """
graphrun: 1
config: {rate: 0.05, rates: [0.1, 0.2]}
inputs: {x: {shape: [batch, 2]}, y: {shape: [batch]}}
nodes:
  h: x -> dense(3, tanh) -> dense(1)
  J: mean((squeeze(h, -1) - y)^2)
loss: J
data:
  rows: [[[1, 2], 3], [[2, 3], 4], [[-1, 0.5], 0], [[0, 1], 1], [[0.5, -2], -1], [[3, 1], 2], [[1, 1], 1]]
  columns: [x, y]
"""
MOVES = """
graphrun: 1
config: {rate: 0.05, rates: [0.1, 0.2]}
params: {w: [1.0, 2.0], b: 1.0}
nodes: {J: sum(w^2) + b^2}
loss: J
"""


# -- written in a spec ------------------------------------------------------------------------------------------------


def by_hand(torch: Any, model: Any, move: Callable[[Any, Any, dict[str, Any]], Any], steps: int) -> dict[str, Any]:
    """The parameters after some steps of the net, each moved to `move(parameter, gradient, its state)`."""
    p = {n: torch.tensor(v, requires_grad=True) for n, v in model.params.items()}
    state: dict[str, dict[str, Any]] = {n: {} for n in p}
    x, y = (torch.tensor(model.dataset.train[n]) for n in ("x", "y"))
    for _ in range(steps):
        h = torch.tanh(x @ p["h.0.weight"] + p["h.0.bias"]) @ p["h.1.weight"] + p["h.1.bias"]
        grads = torch.autograd.grad(((h.squeeze(-1) - y) ** 2).mean(), list(p.values()))
        with torch.no_grad():
            for (name, value), g in zip(p.items(), grads, strict=True):
                value.copy_(move(value, g, state[name]))
    return {n: v.detach().numpy() for n, v in p.items()}


def pulled_back(p: Any, g: Any, state: dict[str, Any]) -> Any:
    state["slow"] = 0.9 * state.get("slow", p.clone()) + 0.1 * p
    return p - 0.1 * g + 0.1 * (state["slow"] - p)


OWN: dict[str, tuple[str, Callable[[Any, Any, dict[str, Any]], Any]]] = {
    "decay of matrices alone": (
        "update: param - lr * (grad + 0.1 * param if rank(param) > 1 else grad)",
        lambda p, g, s: p - 0.1 * (g + 0.1 * p if p.dim() > 1 else g),
    ),
    "size": ("update: param - lr / sqrt(size(param)) * grad", lambda p, g, s: p - 0.1 / p.numel() ** 0.5 * g),
    "dim": ("update: param - lr * grad / dim(param, 0)", lambda p, g, s: p - 0.1 * g / p.shape[0]),
    "state that begins at the parameter": (
        "state: {slow: {init: param, update: 0.9 * slow + 0.1 * param}}\n    update: param - lr * grad + 0.1 * (slow - param)",
        pulled_back,
    ),
    "norms": (
        "update: param - lr * grad * norm(param) / (norm(grad) + 1e-6)",
        lambda p, g, s: p - 0.1 * g * p.norm() / (g.norm() + 1e-6),
    ),
    "one number fills a state": (
        "state: {size: {update: norm(grad)}}\n    update: param - lr * grad / (1 + size)", lambda p, g, s: p - 0.1 * g / (1 + g.norm())
    ),
    "centered": ("nodes: {c: grad - mean(grad)}\n    update: param - lr * c", lambda p, g, s: p - 0.1 * (g - g.mean())),
}  # fmt: skip


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", OWN)
def test_an_optimizer_sees_each_parameter_by_itself(name: str, engine: str) -> None:
    torch = pytest.importorskip("torch")
    body, move = OWN[name]
    model = gr.loads(f"{NET}optimizers:\n  own(lr):\n    {body}\ntrain: {{optimizer: own(lr=0.1), steps: 4}}\n")
    theirs = by_hand(torch, model, move, 4)
    ours = model.train(engine=engine).params
    for n, value in theirs.items():
        np.testing.assert_allclose(ours[n], value, rtol=1e-12, atol=1e-14, err_msg=n)


def test_an_initial_value_over_the_parameter_holds_for_scalars_side_by_side() -> None:
    own = "optimizers:\n  back(lr):\n    state: {first: {init: 2 * param, update: first}}\n    update: param + lr * (first - param)\n"
    many = ", ".join(f"p{k}: {k}" for k in range(100))  # packed into one vector
    text = f"graphrun: 1\nparams: {{{many}}}\nnodes: {{J: {' + '.join(f'p{k}^2' for k in range(100))}}}\nloss: J\n{own}"
    run = gr.loads(text + "train: {optimizer: back(lr=0.5), steps: 2}\n").train()
    assert [run.params[f"p{k}"] for k in (0, 1, 99)] == [0, 1.75, 173.25]


@pytest.mark.parametrize(
    "settings",
    [
        "optimizer: sgd(lr=ramp(0.5))",
        "optimizer: sgd(lr=ramped(0.5))",
        "optimizer: body(0.5)",
        "optimizer: defaults(0.5)",
        "optimizer: listed(0.5)",
        "optimizer: 'sgd(0.5 * rates[0] * rate * 10)'",
        "optimizer: sgd(0), per_parameter: {'*': {lr: ramp(0.5)}}",
    ],
)
def test_config_is_seen_in_optimizers_and_in_the_functions_that_they_call(settings: str) -> None:
    own = """
functions:
  ramp(lr): lr * rate
  ramped(lr, by=rate): lr * by
optimizers:
  body(lr):
    nodes: {move: ramp(lr) * grad}
    update: param - move
  defaults(lr, by=rate): {update: param - lr * by * grad}
  listed(lr): {update: "param - lr * rate * rates[0] * 10 * grad"}
"""
    run = gr.loads(f"{MOVES}{own}train: {{steps: 2, {settings}}}\n").train()
    assert run.params["b"] == pytest.approx((1 - 2 * 0.5 * 0.05) ** 2, rel=1e-14)


COPIED = [d.name for d in definitions() if d.kind in ("optimizer", "schedule") and not d.name.startswith("_")]


@pytest.mark.parametrize("name", COPIED)
def test_what_the_library_holds_can_be_copied_into_a_spec(name: str) -> None:
    found = next(d for d in definitions() if d.name == name and d.kind in ("optimizer", "schedule"))
    given = {"exponential": "0.1, 0.9", "step_decay": "0.1, 2", "warmup": "0.1, 3"}.get(name, "0.1")
    call = f"{name}({given})" if found.kind == "optimizer" else f"sgd({name}({given}))"
    text = excerpt(found).replace(f"  {name}(", f"  mine_{name}(")
    built_in = gr.loads(f'{MOVES}train: {{steps: 4, optimizer: "{call}"}}\n').train()
    copied = gr.loads(f'{MOVES}{text}train: {{steps: 4, optimizer: "{call.replace(name + "(", "mine_" + name + "(")}"}}\n').train()
    assert copied.params["b"] != 1
    np.testing.assert_array_equal(copied.params["w"], built_in.params["w"])


# -- faults -----------------------------------------------------------------------------------------------------------

OPTIONS = {
    "sgd(0.1, nesterov=true)": "conflicting-keys: `nesterov` of `sgd` takes a `momentum` above 0 and no `dampening`",
    "sgd(0.1, 0.9, 0.5, true)": "conflicting-keys: `nesterov` of `sgd` takes a `momentum` above 0 and no `dampening`",
    "sgd(momentum=-0.5)": "out-of-range: `momentum` of `sgd` is a number from 0 on, not -0.5",
    "adam(beta1=1)": "out-of-range: `beta1` of `adam` is a number from 0 to below 1, not 1",
    "adadelta(rho=1.5)": "out-of-range: `rho` of `adadelta` is a number from 0 to 1, not 1.5",
    "adam(amsgrad='no')": "wrong-type: `amsgrad` of `adam` is `true` or `false`, and here it is the text 'no'",
    "sgd(lr=none)": "wrong-type: `lr` of `sgd` is a number, and here it is none",
    "sgd(lr=[0.1, 0.2])": "wrong-type: `lr` of `sgd` is a number, and here it is a list",
    "sgd(lr=true)": "wrong-type: `lr` of `sgd` is a number, and here it is true or false",
    "sgd(lr=arange(2))": "wrong-type: `lr` of `sgd` is one number for all elements, and here it is a value of shape [2]",
}


@pytest.mark.parametrize("written", OPTIONS)
def test_what_torch_optim_refuses_is_refused_where_it_is_written(written: str) -> None:
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(f'{MOVES}train: {{steps: 2, optimizer: "{written}"}}\n')
    (told,) = caught.value.diagnostics
    assert f"{told.code}: {told.message}" == OPTIONS[written]
    assert (told.place and told.place.line) == 7


def test_an_option_of_a_pattern_is_told_at_the_pattern() -> None:
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(f"{MOVES}train:\n  steps: 2\n  optimizer: adam\n  per_parameter:\n    w: {{eps: 1}}\n    b: {{eps: -1}}\n")
    (told,) = caught.value.diagnostics
    assert (told.code, told.place and (told.place.line, told.place.column)) == ("out-of-range", (12, 14))


BODIES = {
    "state: {v: {init: grad, update: v}}\n    update: param - v": (
        "the initial value of `v` may depend on `param` and the arguments, and not on what is known only while training"
    ),
    "state: {v: {init: none, update: v}}\n    update: param - v": "the initial value of `v` is none, and a number is wanted",
    "state: {v: {update: '[grad, grad]'}}\n    update: param - v": "the update of `v` is a list, and a number is wanted",
    "state: {v: {update: '[1, 2, 3] * sum(grad)'}}\n    update: param - v": "the update of `v` has shape [3], and the parameter [2]",
    "update: sum(param)": "the update of `own` has shape [], and the parameter [2]",
}


@pytest.mark.parametrize("body", BODIES)
def test_what_an_optimizer_cannot_say(body: str) -> None:
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(f"{MOVES}optimizers:\n  own():\n    {body}\ntrain: {{steps: 2, optimizer: own}}\n").train()
    assert caught.value.diagnostics[0].message == BODIES[body]


def test_a_packed_parameter_is_told_by_its_name() -> None:
    own = "optimizers:\n  bad(lr): {update: param - lr * sqrt(grad)}\n"
    text = MOVES.replace("w: [1.0, 2.0], b: 1.0", "w: [1.0, 2.0], b: -1.0")
    with pytest.raises(gr.RunError) as caught:
        gr.loads(f"{text}{own}train: {{steps: 2, optimizer: bad(lr=0.1)}}\n").train()
    assert "first at the update of b = √grad\n   because  grad = -2\n" in str(caught.value)
    assert "packed" not in str(caught.value)


# -- beside PyTorch ---------------------------------------------------------------------------------------------------


def test_a_parameter_that_the_loss_does_not_depend_on_never_moves() -> None:
    torch = pytest.importorskip("torch")
    text = "graphrun: 1\nparams: {w: 2, v: 3, u: [1, 4]}\nnodes: {J: w^2 + 0 * stop_gradient(v), K: sum(u)}\nloss: J\n"
    run = gr.loads(text + 'train: {steps: 3, optimizer: "adamw(lr=0.1, weight_decay=0.5)", ema: 0.5, accumulate: 2}\n').train()
    p = {n: torch.tensor(v, dtype=torch.float64, requires_grad=True) for n, v in {"w": 2.0, "v": 3.0, "u": [1.0, 4.0]}.items()}
    optimizer = torch.optim.AdamW(p.values(), 0.1, weight_decay=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        (p["w"] ** 2 + 0 * p["v"].detach()).backward()
        optimizer.step()
    for n, value in p.items():
        np.testing.assert_allclose(run.params[n], value.detach().numpy(), rtol=1e-14)
    assert run.params["v"] == 3


ROWS = np.random.default_rng(0)
WHOLE = f"""
graphrun: 1
inputs:
  w: {{shape: [batch, 3], dtype: int64}}
  x: {{shape: [batch, 2]}}
  label: {{shape: [batch], dtype: int64}}
nodes:
  e: mean(w -> embedding(7, 4), axis=1)
  h: concat([e, x], axis=1) -> dense(6, bias=false) -> batch_norm -> relu -> dense(5, tanh) -> layer_norm -> dense(3)
  J: mean(cross_entropy(h, label))
loss: J
data:
  rows: {[[ROWS.integers(0, 7, 3).tolist(), ROWS.normal(size=2).round(3).tolist(), int(ROWS.integers(0, 3))] for _ in range(23)]}
  columns: [w, x, label]
  split: {{train: 18, valid: 5}}
train:
  epochs: 11
  batch: 5
  accumulate: 4
  seed: 3
  optimizer: OPTIMIZER
  clip: CLIP
  ema: 0.9
  eval: {{every: 3}}
  per_parameter:
    "*bias": {{weight_decay: 0}}
    "h.1.*": {{weight_decay: 0, lr: "linear(0.03, 1, 0.1)"}}
    "e.weight": {{frozen: true}}
"""
LENGTH, BATCHES = 11, Batches(18, 5, None, False, 3)
SETUPS: dict[str, tuple[str, str, Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "adam": (
        "adam(cosine(0.02, warmup=3), beta2=0.9, amsgrad=true, weight_decay=0.1)", "0.05",
        lambda torch, p: torch.optim.Adam(p, 0.02, betas=(0.9, 0.9), amsgrad=True, weight_decay=0.1),
        lambda torch, p: torch.nn.utils.clip_grad_norm_(p, 0.05),
    ),
    "rmsprop": (
        "rmsprop(cosine(0.02, warmup=3), centered=true, momentum=0.5, weight_decay=0.1)", "{value: 0.01}",
        lambda torch, p: torch.optim.RMSprop(p, 0.02, centered=True, momentum=0.5, weight_decay=0.1),
        lambda torch, p: torch.nn.utils.clip_grad_value_(p, 0.01),
    ),
}  # fmt: skip


class Theirs:
    """The same run in PyTorch, from our initial values and over our batches."""

    def __init__(self, torch: Any, model: Any, setup: str) -> None:
        self.torch, self.F = torch, torch.nn.functional
        self.p = {n: torch.tensor(v, requires_grad=n != "e.weight") for n, v in model.params.items()}
        self.state = {n: torch.tensor(v) for n, v in model.state.items()}
        self.data = {n: torch.tensor(v) for n, v in model.dataset.train.items()}
        self.valid = {n: torch.tensor(v) for n, v in model.dataset.valid.items()}
        own = [n for n in self.p if n.startswith("h.1.")]
        rest = {end: [n for n in self.p if n.endswith(end) and n not in own and n != "e.weight"] for end in ("weight", "bias")}
        groups: list[dict[str, Any]] = [{"names": rest["weight"]}, {"names": rest["bias"], "weight_decay": 0}]
        groups.append({"names": own, "weight_decay": 0})
        made = [{**{k: v for k, v in g.items() if k != "names"}, "params": [self.p[n] for n in g["names"]]} for g in groups]
        _, _, optimizer, self.clip = SETUPS[setup]
        self.optimizer = optimizer(torch, made)
        self.average = {n: v.detach().clone() for n, v in self.p.items()}
        self.losses: list[float] = []

    def loss(self, d: dict[str, Any], p: dict[str, Any], training: bool) -> Any:
        F, s = self.F, self.state
        z = self.torch.cat([p["e.weight"][d["w"]].mean(1), d["x"]], 1) @ p["h.0.weight"]
        z = F.batch_norm(z, s["h.1.running_mean"], s["h.1.running_var"], p["h.1.weight"], p["h.1.bias"], training=training)
        z = self.torch.tanh(self.torch.relu(z) @ p["h.2.weight"] + p["h.2.bias"])
        z = F.layer_norm(z, (5,), p["h.3.weight"], p["h.3.bias"]) @ p["h.4.weight"] + p["h.4.bias"]
        return F.cross_entropy(z, d["label"])

    def rates(self) -> list[list[float]]:
        """The rates of each update: those of the scheduler, and of the group with a schedule of its own."""
        s = self.torch.optim.lr_scheduler
        one = self.torch.optim.SGD([self.torch.zeros(1, requires_grad=True)], 0.02)
        scheduler = s.SequentialLR(one, [s.LinearLR(one, 1 / 3, 1, 3), s.CosineAnnealingLR(one, LENGTH - 3)], [3])
        out = []
        for k in range(LENGTH):
            rate = one.param_groups[0]["lr"]
            out.append([rate, rate, 0.03 * (1 - 0.9 * k / LENGTH)])
            one.step()
            scheduler.step()
        return out

    def run(self) -> None:
        moving = [v for n, v in self.p.items() if n != "e.weight"]
        for k, rates in enumerate(self.rates()):
            self.optimizer.zero_grad()
            losses = []
            for m in range(4 * k, 4 * k + 4):
                rows = self.torch.as_tensor(BATCHES.at(m))
                loss = self.loss({n: v[rows] for n, v in self.data.items()}, self.p, True)
                (loss / 4).backward()
                losses.append(loss.item())
            self.losses.append(sum(losses) / 4)
            self.clip(self.torch, moving)
            for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                group["lr"] = rate
            self.optimizer.step()
            for n, v in self.p.items():
                self.average[n] = 0.9 * self.average[n] + 0.1 * v.detach()


@pytest.mark.filterwarnings("ignore")  # the scheduler of torch warns of its own way of counting
@pytest.mark.parametrize("setup", SETUPS)
def test_a_run_with_everything_is_torchs(setup: str) -> None:
    """Schedules, clipping, accumulation, a ragged last batch, settings by name, averages, and batch norm: every loss and value."""
    torch = pytest.importorskip("torch")
    optimizer, clip, *_ = SETUPS[setup]
    model = gr.loads(WHOLE.replace("OPTIMIZER", f'"{optimizer}"').replace("CLIP", clip))
    theirs = Theirs(torch, model, setup)
    theirs.run()
    for engine in ENGINES:
        run = model.train(engine=engine)
        np.testing.assert_allclose(run.history.loss, theirs.losses, rtol=1e-9)
        for n, value in theirs.p.items():
            np.testing.assert_allclose(run.params[n], value.detach().numpy(), rtol=1e-8, atol=1e-9, err_msg=n)
            np.testing.assert_allclose(run.averages[n], theirs.average[n].numpy(), rtol=1e-8, atol=1e-9, err_msg=n)
        for n, value in theirs.state.items():
            np.testing.assert_allclose(run.state[n], value.numpy(), rtol=1e-9, err_msg=n)
        assert run.run.valid_loss == pytest.approx(theirs.loss(theirs.valid, theirs.average, False).item(), rel=1e-9)
        assert model.evaluate("valid").loss == run.run.valid_loss  # by the averages


# -- around a run -----------------------------------------------------------------------------------------------------


def test_a_batch_of_one_row_has_no_variance() -> None:
    text = NET.replace("dense(3, tanh)", "dense(3) -> batch_norm")
    with pytest.raises(gr.RunError) as caught:
        gr.loads(text + "train: {epochs: 1, batch: 3, shuffle: false}\n").train()
    assert "try train.drop_last: true, or another train.batch: this step meets one row, which has no variance" in str(caught.value)
    assert gr.loads(text + "train: {epochs: 1, batch: 3, drop_last: true}\n").train().steps == 2


def test_a_state_that_is_infinite_from_the_start_is_not_to_blame() -> None:
    text = "graphrun: 1\nparams: {w: 2.0}\nstate: {low: {init: inf, update: low}}\nnodes: {J: exp(w^2)}\nloss: J\n"
    with pytest.raises(gr.RunError) as caught:
        gr.loads(text + "train: {steps: 3, optimizer: sgd(lr=1)}\n").train()
    assert "step 1: the loss became inf" in str(caught.value)
    assert "first at node J = exp(w²)" in str(caught.value)


def test_where_a_run_to_begin_from_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "net.yaml").write_text(MOVES + "train: {steps: 2, from: outputs/net}\n")
    for there, mend in ((False, None), (True, "write `../outputs/net`: paths are seen from the spec's folder")):
        if there:
            gr.load("specs/net.yaml", set={"train.from": "x"})
            gr.loads(MOVES + "train: {steps: 2}\n").train(out=tmp_path / "outputs" / "net")
        with pytest.raises(gr.RunError) as caught:
            gr.load("specs/net.yaml").train()
        (told,) = caught.value.diagnostics
        assert told.message == "`train.from` names specs/outputs/net, and there is no such file or folder"
        assert (told.place and told.place.line, told.help) == (7, mend)
    assert gr.load("specs/net.yaml", set={"train.from": "../outputs/net"}).train().steps == 2
