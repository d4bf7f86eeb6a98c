"""`graphrun show --library`: definitions as they are written, which can be copied into a spec."""

import json
import warnings

import pytest

import graphrun as gr
from graphrun.build.library import library, schedules
from graphrun.build.shipped import definitions, excerpt
from graphrun.cli.main import main


def shown(capsys, *words):
    status = main(["show", *words])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_definition_with_its_comment(capsys):
    status, out, _ = shown(capsys, "--library", "residual")
    assert status == 0
    assert out == "functions:\n  # x + f(x): a way past f. `x -> residual(dense(8))`.\n  residual(x, f): x + f(x)\n"


def test_helpers_come_along_and_both_meanings_of_a_name(capsys):
    _, out, _ = shown(capsys, "--library", "gru")
    assert all(f"\n  {name}(" in out for name in ("gru", "_rest"))
    _, out, _ = shown(capsys, "--library", "linear")
    assert "linear(x, units):" in out
    assert "linear(lr, start_factor=1" in out


def test_the_names(capsys):
    _, out, _ = shown(capsys, "--library", "all")
    assert "optimizer: sgd, momentum, nesterov, rmsprop, adagrad, adadelta, adam, adamw, lion\n" in out
    _, out, _ = shown(capsys, "--library", "hinge", "--format", "json")
    (only,) = json.loads(out)["library"]
    assert (only["name"], only["kind"], only["call"]) == ("hinge", "loss", "hinge(prediction, target, margin=1)")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bach_norm", "did you mean `batch_norm`?"),
        ("relu", "`relu` is an operation, not written in the language"),
        (None, "takes a spec file"),
    ],
)
def test_what_is_not_there(capsys, name, said):
    status, out, err = shown(capsys, *(["--library", name] if name else []))
    assert (status, out) == (2, "")
    assert said in err


def test_everything_is_listed_with_a_comment():
    functions, optimizers = library()
    public = {d.name for d in definitions() if not d.name.startswith("_")}
    assert public == {*functions, *optimizers, *schedules()}
    assert [d.name for d in definitions() if not d.about] == []


@pytest.mark.parametrize("d", [d for d in definitions() if not d.name.startswith("_")], ids=lambda d: f"{d.kind}-{d.name}")
def test_what_is_shown_can_be_copied(d):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gr.loads(f"graphrun: 1\nparams: {{w: 1}}\nnodes: {{J: w^2}}\n{excerpt(d)}")
