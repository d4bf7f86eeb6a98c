"""`graphrun check` on random graphs: no gradient that is right is told as wrong, near kinks and at ties too."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from graph_draft import Program
from graph_programs import programs
from hypothesis import HealthCheck, given, settings

import graphrun as gr

CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]


def check(program: Program) -> None:
    c = gr.loads(program.text).check(**{n: program.leaves[n] for n in program.inputs})
    assert c.ok, c.worst


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=CHECKS)
@given(programs())
def test_no_false_alarm(program: Program) -> None:
    check(program)


@pytest.mark.slow
@settings(max_examples=3_000, deadline=None, database=None, suppress_health_check=CHECKS)
@given(programs())
def test_no_false_alarm_in_three_thousand(program: Program) -> None:
    check(program)
