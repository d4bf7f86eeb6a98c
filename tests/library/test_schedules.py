"""Schedules against torch.optim.lr_scheduler: the learning rate of every step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphrun as gr

STEPS = 12


def rates(schedule: str, steps: int = STEPS) -> list[float]:
    """The rate of each step: how far a parameter with gradient 1 moves, by the losses of the run."""
    model = gr.loads(f'graphrun: 1\nparams: {{w: 0}}\nnodes: {{J: w}}\nloss: J\ntrain: {{steps: {steps}, optimizer: "sgd({schedule})"}}\n')
    run = model.train()
    return [-float(d) for d in np.diff([*run.history.loss, run.loss])]


def theirs(torch: Any, make: Callable[[Any, Any], Any], lr: float = 0.5) -> list[float]:
    w = torch.zeros((), requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr)
    scheduler = make(torch.optim.lr_scheduler, optimizer)
    out = []
    for _ in range(STEPS):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(out) < STEPS:  # one_cycle has no rate behind its last step
            scheduler.step()
    return out


def chained(s: Any, o: Any) -> Any:
    return s.SequentialLR(o, [s.LinearLR(o, 1 / 4, 1, 4), s.CosineAnnealingLR(o, STEPS - 4, 0.01)], [4])


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "constant(0.5)": lambda s, o: s.ConstantLR(o, 1.0),
    "constant(0.5, 0.2, 5)": lambda s, o: s.ConstantLR(o, 0.2, 5),
    "linear(0.5)": lambda s, o: s.LinearLR(o, 1, 0, STEPS),
    "linear(0.5, 0.25, 0.75, 7)": lambda s, o: s.LinearLR(o, 0.25, 0.75, 7),
    "cosine(0.5)": lambda s, o: s.CosineAnnealingLR(o, STEPS),
    "cosine(0.5, eta_min=0.1, T_max=7)": lambda s, o: s.CosineAnnealingLR(o, 7, 0.1),
    "cosine(0.5, warmup=4, eta_min=0.01)": chained,
    "exponential(0.5, 0.8)": lambda s, o: s.ExponentialLR(o, 0.8),
    "step_decay(0.5, 5)": lambda s, o: s.StepLR(o, 5),
    "step_decay(0.5, 3, 0.7)": lambda s, o: s.StepLR(o, 3, 0.7),
    "warmup(0.5, 4)": lambda s, o: s.LinearLR(o, 0.25, 1, 4),
    "warmup(0.5, 5, 0.1)": lambda s, o: s.LinearLR(o, 0.1, 1, 5),
    "one_cycle(0.5)": lambda s, o: s.OneCycleLR(o, 0.5, STEPS),
    "one_cycle(0.5, pct_start=0.4, anneal_strategy='linear', div_factor=10, final_div_factor=100)": lambda s, o: s.OneCycleLR(
        o, 0.5, STEPS, pct_start=0.4, anneal_strategy="linear", div_factor=10, final_div_factor=100
    ),
}


@pytest.mark.filterwarnings("ignore")  # the scheduler of torch warns of its own way of counting
@pytest.mark.parametrize("schedule", CASES)
def test_schedules_are_torchs(schedule: str) -> None:
    torch = pytest.importorskip("torch")
    ours = rates(schedule)
    assert len(ours) == STEPS
    np.testing.assert_allclose(ours, theirs(torch, CASES[schedule]), rtol=1e-9, atol=1e-12)


def test_a_schedule_may_hold_another() -> None:
    ours = rates("warmup(step_decay(1, 2, 0.5), 4)", 6)
    np.testing.assert_allclose(ours, [0.25, 0.4375, 0.3125, 0.40625, 0.25, 0.25], rtol=1e-12)


def test_one_cycle_stays_at_its_end() -> None:
    ours = rates("one_cycle(0.5, total_steps=4)", 7)
    np.testing.assert_allclose(ours[3:], [0.5 / 25 / 1e4] * 4, rtol=1e-6)
