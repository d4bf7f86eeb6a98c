"""Which engine runs a step."""

import pytest

from graphrun.engines.base import Slot, Step
from graphrun.engines.select import choose, get_engine
from graphrun.errors import UsageError
from graphrun.ir.builder import Builder
from graphrun.ops.registry import OPS


def chain(n):
    b = Builder()
    w = b.param("w", (), "float64")
    i = w
    for _ in range(n):
        i = OPS["neg"](b, i)
    return Step(b.graph, i, (Slot("w", w, i),), {})


def test_auto_goes_by_length():
    assert choose(chain(10)) == ("python", "10 steps written out as Python")
    assert choose(chain(20_001)) == ("reference", "20,001 steps are too many to write out as Python")
    engine, why = get_engine("auto", chain(3))
    assert (engine.name, why) == ("python", "3 steps written out as Python")


def test_an_engine_by_name():
    assert get_engine("reference", chain(3))[0].name == "reference"
    assert get_engine("python", chain(3))[1] == "asked for"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pyhton", "error unknown-engine: there is no engine called `pyhton`\n   help: did you mean `python`?"),
        ("torch", "error unknown-engine: there is no engine called `torch`\n   help: engines: auto, python, reference"),
        (
            "jax",
            "error not-yet: the engine `jax` (JAX) is planned, but this version does not have it yet\n"
            "   help: engines: auto, python, reference",
        ),
    ],
)
def test_other_names_are_refused(name, message):
    with pytest.raises(UsageError) as e:
        get_engine(name, chain(3))
    assert str(e.value) == message
