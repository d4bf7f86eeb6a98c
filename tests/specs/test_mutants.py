"""Whatever a hand slips into: a spec is judged without a traceback, in time, and each fault has its place in a file."""

import random
import time

import pytest
from mutants import mutant, specs

from graphrun.codes import catalogue
from graphrun.errors import GraphrunError
from graphrun.model.validation import check_text

LONGEST = 2.0
TEXTS = [(str(path), path.read_text(encoding="utf-8")) for path in specs()]
ALL = 20_000
FEW = 300


def faults(seed: int) -> list[str]:
    """What is wrong with the verdict on the mutant of this number."""
    dice = random.Random(seed)
    path, text = dice.choice(TEXTS)
    changed = mutant(text, dice)
    begun = time.process_time()
    try:
        found = check_text(changed, path).diagnostics
    except GraphrunError as error:
        return [f"{seed}: raised {error!r}"]
    except Exception as error:
        return [f"{seed}: {type(error).__name__}: {error}"]
    out = []
    if time.process_time() - begun > LONGEST:
        out.append(f"{seed}: took {time.process_time() - begun:.1f} s")
    lines = changed.split("\n")
    for d in found:
        if d.code not in catalogue() or not d.message:
            out.append(f"{seed}: {d.code} is not documented")
        if d.place is None:
            out.append(f"{seed}: {d.code} has no place: {d.message}")
        elif "graphrun/library" in d.place.source.name:
            out.append(f"{seed}: {d.code} is told in the library: {d.message}")
        elif d.place.source.name == path and not (
            1 <= d.place.line <= len(lines) and 1 <= d.place.column <= len(lines[d.place.line - 1]) + 1
        ):
            out.append(f"{seed}: {d.code} is told outside of the file, at {d.place}")
    return out


def test_a_few_mutants():
    assert [f for seed in range(FEW) for f in faults(seed)] == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_all_mutants(part):
    each = ALL // 20
    assert [f for seed in range(part * each, (part + 1) * each) for f in faults(seed)] == []
