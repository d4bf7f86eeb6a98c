"""The specs that ship come out exactly, through the Python API and through the command line."""

import csv
import json
from pathlib import Path

import pytest

from graphrun.cli.main import main
from graphrun.model import load, run_expectations

ROOT = Path(__file__).resolve().parents[2]
SPECS = sorted(p.name for p in (ROOT / "specs").glob("*.yaml"))
ALL = len(list((ROOT / "specs").rglob("*.yaml")))

# spec → what is differentiated, values, gradients: issue table, each worked by hand
TABLE = {
    "neuron": ("J", {"c": -4, "a": 4, "d": 2, "J": 2}, {"d": 2, "a": 2, "c": 2, "b": 2, "w": -4}),
    "larger": ("J", {"J": 2, "a1": 2, "a2": 7}, {"w1": 6, "b1": 6, "w2": 4, "b2": 2}),
    "functions": (
        "y",
        {"u": 3, "z": 13, "y": 65},
        {"z": 5, "u": 20, "w0": 120, "w1": 15, "w2": 5, "x1": 30, "x2": 20},
    ),
    "ann": (
        "L",
        {"u1": 5, "u2": 1, "u3": 7, "hat_y": 7, "L": 2},
        {"hat_y": 2, "u3": 2, "u1": 4, "u2": -6, "w1": 4, "w2": 8, "w3": -6, "w4": -12, "w5": 10, "w6": 2},
    ),
}
WORK = {"neuron": (4, 2, 6, 8), "larger": (3, 4, 7, 12), "ann": (5, 6, 11, 30)}


@pytest.fixture(autouse=True)
def _root(monkeypatch):
    monkeypatch.chdir(ROOT)


def _json(capsys, *argv):
    assert main([*argv, "--format", "json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_all_specs_are_known():
    assert SPECS == ["ann.yaml", "functions.yaml", "iris.yaml", "larger.yaml", "neuron.yaml", "xor.yaml"]


@pytest.mark.parametrize("name", TABLE)
def test_table_from_python(name):
    of, values, gradients = TABLE[name]
    g = load(f"specs/{name}.yaml").grad(of=of, wrt=list(gradients))
    assert {n: g.values[n] for n in values} == values
    assert {n: g[n] for n in gradients} == gradients


@pytest.mark.parametrize("name", TABLE)
def test_table_from_the_command_line(name, capsys):
    of, values, gradients = TABLE[name]
    document = _json(capsys, "grad", f"specs/{name}.yaml", "--of", of, "--wrt", ",".join(gradients))
    assert document["spec"] == name
    assert document["loss"] == {"name": of, "value": values[of]}
    assert document["gradients"] == gradients
    assert {n["name"]: n["value"] for n in document["nodes"] if n["name"] in values} == values


@pytest.mark.parametrize("name", WORK)
def test_work(name, capsys):
    n, p, reverse, one_by_one = WORK[name]
    work = _json(capsys, "grad", f"specs/{name}.yaml")["work"]
    assert work == {"nodes": n, "parameters": p, "reverse_steps": reverse, "per_parameter_steps": one_by_one}


@pytest.mark.parametrize("name", ["neuron", "larger"])
def test_gradients_without_being_asked_for(name, capsys):
    found = _json(capsys, "grad", f"specs/{name}.yaml")["gradients"]
    assert {n: found[n] for n in TABLE[name][2]} == TABLE[name][2]


def test_the_ledger_of_the_net_stands_in_symbols_and_numbers(capsys):
    assert main(["grad", "specs/ann.yaml", "--set", "train.optimizer=sgd(lr=0.01)"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "∂L/∂u3 = ∂L/∂hat_y · ∂hat_y/∂u3 = 2 · 1 = 2" in lines
    assert "∂L/∂w5 = ∂L/∂u3 · ∂u3/∂w5 = 2 · u1 = 2 · 5 = 10" in lines
    assert any("0.018818" in line for line in lines)


def test_the_ledger_of_the_neuron_is_as_on_paper(capsys):
    assert main(["grad", "specs/neuron.yaml"]) == 0
    out = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert "∂J/∂w = ∂J/∂c · ∂c/∂w = 2 · x = 2 · (-2) = -4" in lines
    assert "-0.003998" in out
    assert "4 × 2 = 8" in out


def test_one_step_on_the_first_row():
    model = load("specs/ann.yaml", set={"train.optimizer": "sgd(lr=0.01)", "train.steps": 1, "data.rows": [[1, 2, 5]]})
    run = model.train()
    assert run.steps == 1
    assert run.loss == pytest.approx(0.018818, abs=1e-12)
    assert {k: float(v) for k, v in run.params.items()} == pytest.approx(
        {"w1": 0.96, "w2": 1.92, "w3": -0.94, "w4": 1.12, "w5": 1.9, "w6": -3.02}, abs=1e-12
    )


@pytest.mark.parametrize("engine", ["reference", "python"])
def test_trained_on_the_table_the_loss_vanishes(engine):
    run = load("specs/ann.yaml").train(engine=engine)
    assert run.loss < 1e-6
    assert run.history.loss[0] == 3.0625


def test_training_from_the_command_line(tmp_path, capsys):
    document = _json(capsys, "train", "specs/ann.yaml", "--out", str(tmp_path / "ann"))
    assert document["spec"] == "ann"
    assert document["steps"] == 40
    assert document["loss"] < 1e-6
    assert set(document["params"]) == {"w1", "w2", "w3", "w4", "w5", "w6"}
    assert document["out"] == str(tmp_path / "ann")
    held = {p.name for p in (tmp_path / "ann").iterdir()}
    assert {"history.csv", "params.safetensors", "graph.svg", "ledger.md", "ledger.json"} <= held
    with open(tmp_path / "ann" / "history.csv", encoding="utf-8") as file:
        assert [row["step"] for row in csv.DictReader(file)] == [str(k) for k in range(40)]


def test_the_trained_net_is_read_again(tmp_path, capsys):
    _json(capsys, "train", "specs/ann.yaml", "--out", str(tmp_path / "ann"))
    for checkpoint in (tmp_path / "ann", tmp_path / "ann" / "params.safetensors"):
        feeds = ("--feed", "x1=10", "--feed", "x2=1", "--feed", "y=0")
        document = _json(capsys, "run", "specs/ann.yaml", "--checkpoint", str(checkpoint), *feeds)
        assert document["outputs"]["L"] == pytest.approx(31**2 / 2, abs=1e-3)


@pytest.mark.parametrize("name", SPECS)
def test_what_each_spec_expects(name):
    results = run_expectations(load(f"specs/{name}"))
    assert len(results) >= 3
    assert [r for r in results if not r.ok] == []


def test_the_specs_pass_their_own_tests_from_the_command_line(capsys):
    assert main(["test", "specs/"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert f" passed, 0 failed in {ALL} files" in last


def test_the_specs_are_valid(capsys):
    document = _json(capsys, "validate", "specs/")
    assert (document["files"], document["errors"], document["warnings"]) == (ALL, 0, 0)


def test_iris_is_told_apart_on_rows_it_has_not_seen():
    (accuracy,) = [r for r in run_expectations(load("specs/iris.yaml")) if r.name == "accuracy"]
    assert accuracy.ok
    assert accuracy.found >= 0.93


def test_iris_is_the_published_table():
    with open("specs/data/iris.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 150
    means = {k: round(sum(float(r[k]) for r in rows) / 150, 4) for k in list(rows[0])[:4]}
    assert means == {"sepal_length": 5.8433, "sepal_width": 3.0573, "petal_length": 3.758, "petal_width": 1.1993}
    assert {s: sum(r["species"] == s for r in rows) for s in ("setosa", "versicolor", "virginica")} == dict.fromkeys(
        ("setosa", "versicolor", "virginica"), 50
    )


def test_the_comment_of_xor_is_true():
    text = Path("specs/xor.yaml").read_text(encoding="utf-8")
    right = sum(_solved(seed) for seed in range(20))
    assert f"From {right} of the 20 seeds 0 to 19 all four rows come out right" in text


def _solved(seed):
    model = load("specs/xor.yaml", set={"train.seed": seed})
    model.train()
    return all((model.run(row=k)["p"] > 0.5) == (k in (2, 3)) for k in (1, 2, 3, 4))
