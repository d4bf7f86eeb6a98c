"""Every name that is given for one of another library is a name here, and is found however it is written."""

import pytest

from graphrun.build.library import library, schedules
from graphrun.build.static import SPECIALS
from graphrun.expr.elsewhere import CALLED_ELSEWHERE, here, of_module
from graphrun.ops.registry import OPS


def test_every_name_exists():
    functions, optimizers = library()
    known = {*functions, *optimizers, *schedules(), *SPECIALS, *(name for name, op in OPS.items() if op.public)}
    assert {name for name in CALLED_ELSEWHERE if " " not in name} - known == set()


def test_no_word_means_two_things():
    words = [word for words in CALLED_ELSEWHERE.values() for word in words]
    assert len(words) == len(set(words))


@pytest.mark.parametrize(
    ("word", "name"),
    [("Linear", "dense"), ("mse_loss", "squared_error"), ("LeakyReLU", "leaky_relu"), ("xavier_uniform_", "glorot_uniform"), ("zzz", None)],
)
def test_the_name_of_another_library(word, name):
    assert here(word) == name


def test_the_function_of_a_module():
    assert of_module("ReLU") == "write `relu(…)`"
    assert of_module("power") == "write `a ^ b`"
