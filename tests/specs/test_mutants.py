"""Whatever a hand slips into: a spec is judged without a traceback, in time, and each fault has its place in a file.

Hypothesis chooses the spec and what is changed in it, and makes the change that fails as small as it can.
"""

import difflib
import time

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st
from mutants import mutant, specs

from graphrun.codes import catalogue
from graphrun.model.validation import check_text

LONGEST = 2.0
TEXTS = [(str(path), path.read_text(encoding="utf-8")) for path in specs()]
ALL, PARTS = 20_000, 20
FEW = 300


def faults(path: str, changed: str) -> list[str]:
    """What is wrong with the verdict on a text that would stand in the file `path`."""
    begun = time.process_time()
    found = check_text(changed, path).diagnostics
    taken = time.process_time() - begun
    out = [f"took {taken:.1f} s"] if taken > LONGEST else []
    lines = changed.split("\n")
    for d in found:
        if d.code not in catalogue() or not d.message:
            out.append(f"{d.code} is not documented")
        d.to_text()
        if d.place is None:
            out.append(f"{d.code} has no place: {d.message}")
        elif "graphrun/library" in d.place.source.name:
            out.append(f"{d.code} is told in the library: {d.message}")
        elif d.place.source.name == path and not (
            1 <= d.place.line <= len(lines) and 1 <= d.place.column <= len(lines[d.place.line - 1]) + 1
        ):
            out.append(f"{d.code} is told outside of the file, at {d.place}")
    return out


def judge(count: int, part: int) -> None:
    """Judges `count` mutants; `part` says which."""
    judged = 0

    @seed(part)
    @settings(
        max_examples=count, deadline=None, database=None, phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck)
    )
    @given(st.sampled_from(TEXTS), st.randoms(use_true_random=False))
    def each(spec, dice):
        nonlocal judged
        judged += 1
        path, text = spec
        changed = mutant(text, dice)
        note("\n".join(difflib.unified_diff(text.split("\n"), changed.split("\n"), path, lineterm="", n=0)))
        assert faults(path, changed) == []

    each()
    assert judged >= count


def test_a_few_mutants():
    judge(FEW, PARTS)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_all_mutants(part):
    judge(ALL // PARTS, part)
