"""Each command with its flags, in text and in JSON."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from graphrun.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
NEURON = str(ROOT / "specs" / "neuron.yaml")
ANN = str(ROOT / "specs" / "ann.yaml")


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def text(capsys):
    def call(*argv, status=0):
        assert main(list(argv)) == status
        captured = capsys.readouterr()
        return captured.out if status == 0 else captured.err

    return call


@pytest.fixture
def document(capsys):
    def call(*argv, status=0):
        assert main([*argv, "--format", "json"]) == status
        return json.loads(capsys.readouterr().out)

    return call


def test_run_prints_what_was_fed_and_what_came_out(text):
    assert text("run", NEURON) == (
        "neuron: One linear neuron with a squared error, worked step by step.\n\ninputs\n  x = -2\n  y = 2\n\noutputs\n  J = 2\n"
    )


def test_run_says_which_row_it_took(text):
    assert "row 4 of 8: x1 = -1, x2 = 1, y = -2" in text("run", ANN, "--row", "4")


def test_run_takes_feeds_and_other_parameters(document):
    assert document("run", NEURON, "--feed", "x=3", "--at", "w=0.5", "--at", "y=9") == {"spec": "neuron", "outputs": {"J": 0.125}}


def test_run_over_all_rows_gives_the_mean(document, text):
    assert document("run", ANN, "--row", "all")["outputs"]["L"] == pytest.approx(3.0625)
    assert text("run", ANN, "--row", "all") == "ann: the 2-2-1 net\nthe mean over all 8 rows\n\noutputs\n  L = 3.0625\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--feed", "z=3"), "there is no input called `z`"),
        (("--at", "ww=3"), "did you mean `w`?"),
        (("--at", "w=[1, 2]"), "does not fit"),
        (("--row", "2"), "--row"),
        (("--checkpoint", "nowhere"), "nowhere"),
        (("--set", "train.stepz=1"), "steps"),
    ],
)
def test_run_with_a_wrong_flag(text, argv, message):
    status = 3 if argv[0] == "--checkpoint" else 2
    err = text("run", NEURON, *argv, status=status)
    assert message in err
    assert "Traceback" not in err


def test_a_spec_that_does_not_exist(text):
    Path("neuron.yaml").touch()
    assert text("run", "none.yaml", status=2) == "error no-such-file: there is no file none.yaml\n"
    assert "did you mean `neuron.yaml`?" in text("grad", "nuron.yaml", status=2)
    assert "is a folder" in text("show", ".", status=2)


def test_grad_at_other_values(document):
    found = document("grad", NEURON, "--at", "w=3", "--at", "x=-2")
    assert found["loss"] == {"name": "J", "value": 0}
    assert found["gradients"]["w"] == 0


def test_grad_of_a_node_reads_out_inputs_too(text):
    out = " ".join(text("grad", str(ROOT / "specs" / "functions.yaml"), "--of", "y").split())
    for gradient in ("∂y/∂x1 = 30", "∂y/∂x2 = 20", "∂y/∂w0 = 120", "∂y/∂w1 = 15", "∂y/∂w2 = 5"):
        assert gradient in out


def test_grad_asks_for_any_derivative_of_any_node(document):
    assert document("grad", ANN, "--of", "u3", "--wrt", "w5, u1", "--row", "1")["gradients"] == {"w5": 5, "u1": 2}


def test_grad_over_all_rows_is_the_mean(document):
    each = [document("grad", ANN, "--row", str(k))["gradients"]["w1"] for k in range(1, 9)]
    assert document("grad", ANN, "--row", "all")["gradients"]["w1"] == pytest.approx(np.mean(each))


def test_grad_follows_updates(document, text):
    found = document("grad", NEURON, "--updates", "3")
    assert [u["loss"]["value"] for u in found["updates"]] == pytest.approx([2, 0.5, 0.125])
    assert text("grad", NEURON, "--updates", "2").count("BACKWARD") == 2
    assert "without --of" in text("grad", NEURON, "--updates", "2", "--of", "J", status=2)


def test_grad_writes_markdown_and_json(text, tmp_path):
    assert text("grad", NEURON, "-o", "a/ledger.md") == "wrote a/ledger.md\n"
    assert "∂J/∂w" in (tmp_path / "a" / "ledger.md").read_text(encoding="utf-8")
    assert text("grad", NEURON, "-o", "ledger.json", "--quiet") == ""
    assert json.loads((tmp_path / "ledger.json").read_text(encoding="utf-8"))["gradients"]["w"] == -4


def test_grad_writes_a_page(text, tmp_path):
    assert text("grad", NEURON, "-o", "report.html") == "wrote report.html\n"
    assert "<title>neuron: the gradient, step by step</title>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text("grad", NEURON, "--updates", "2", "-o", "two.html", "--quiet") == ""
    assert (tmp_path / "two.html").read_text(encoding="utf-8").count('"program":') == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [("l.doc", "one of .md, .tex, .json, .html"), ("l", "cannot tell")],
)
def test_grad_refuses_other_formats_by_name_before_it_computes(text, name, message):
    assert message in text("grad", NEURON, "-o", name, status=2)
    assert not Path(name).exists()


def test_grad_needs_one_number(text):
    spec = Path("v.yaml")
    spec.write_text("graphrun: 1\ninputs: {x: [1, 2]}\nparams: {w: 2}\nnodes:\n  v: w * x\n", encoding="utf-8")
    assert "derivatives are taken of one number" in text("grad", "v.yaml", "--of", "v", status=2)
    assert "no loss" in text("grad", "v.yaml", status=2)


def test_an_ascii_terminal_gets_an_ascii_ledger():
    env = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    run = subprocess.run([sys.executable, "-m", "graphrun", "grad", NEURON], env=env, capture_output=True, check=True)
    out = run.stdout.decode("ascii")
    assert "dJ/dw = dJ/dc * dc/dw" in out
    assert "?" not in out


@pytest.mark.parametrize(("suffix", "begins"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".dot", b"digraph")])
def test_render_draws(text, tmp_path, suffix, begins):
    assert text("render", NEURON, "-o", f"graph{suffix}") == f"wrote graph{suffix}\n"
    assert (tmp_path / f"graph{suffix}").read_bytes().startswith(begins)


def test_render_without_a_name_draws_into_outputs(text, tmp_path):
    assert text("render", NEURON) == f"wrote {os.path.join('outputs', 'neuron.svg')}\n"
    assert b"<svg" in (tmp_path / "outputs" / "neuron.svg").read_bytes()


def test_render_refuses_other_formats_by_name(text):
    assert "one of .svg, .png, .pdf, .dot, .mmd, .tex, .txt" in text("render", NEURON, "-o", "a.gif", status=2)


def test_train_shows_and_writes(text, tmp_path):
    out = text("train", ANN)
    assert "ann: the 2-2-1 net, 6 parameters, 8 rows" in out
    assert "engine python, sgd(lr=0.02), 40 steps of 8 rows, seed 0" in out
    assert "hat_y before" in out
    assert f"{os.path.join('outputs', 'ann')}/" in out
    params = load_file(tmp_path / "outputs" / "ann" / "params.safetensors")
    assert 3 * params["w5"] > 0
    assert "graphrun: 1" in (tmp_path / "outputs" / "ann" / "spec.yaml").read_text(encoding="utf-8")


def test_train_quiet_says_the_outcome_alone(text, tmp_path):
    assert re.fullmatch(r"40 steps, loss 1\.9\d*e-14, run/\n", text("train", ANN, "--quiet", "--out", "run"))
    assert (tmp_path / "run" / "history.csv").exists()


def test_the_resolved_spec_of_a_run_trains_to_the_same_numbers(document):
    first = document("train", ANN, "--out", "one", "--set", "train.steps=7")
    again = document("train", "one/spec.yaml", "--out", "two")
    assert again["steps"] == 7
    assert again["params"] == first["params"]


def test_engines_agree(document):
    found = [document("train", ANN, "--engine", engine, "--out", engine)["params"] for engine in ("reference", "python")]
    assert found[0] == pytest.approx(found[1], rel=1e-12)


def test_train_goes_on_from_a_checkpoint(document):
    document("train", ANN, "--out", "one")
    found = document("train", ANN, "--checkpoint", "one", "--out", "two", "--set", "train.steps=1")
    assert found["loss"] < 1e-12


@pytest.mark.parametrize(
    ("argv", "status", "message"),
    [
        (("--engine", "pyhton"), 2, "python"),
        (("--set", "train.optimizer=sdg(lr=1)"), 1, "sgd"),
        (("--set", "train.steps=0"), 2, "`train.steps` is a whole number from 1 on"),
        (("--out", "taken"), 3, "taken"),
    ],
)
def test_train_with_a_wrong_flag(text, argv, status, message):
    Path("taken").write_text("a file", encoding="utf-8")
    err = text("train", ANN, *argv, status=status)
    assert message in err
    assert "Traceback" not in err


def test_a_loss_that_is_not_finite_is_status_3_and_says_where(text):
    spec = Path("mix.yaml")
    spec.write_text(
        "graphrun: 1\ninputs: {x: 0}\nparams: {w: 1}\nnodes:\n  p: w * x\n  J: log(p)\nloss: J\ntrain: {steps: 5}\n",
        encoding="utf-8",
    )
    err = text("train", "mix.yaml", status=3)
    assert "mix.yaml" in err
    assert "J" in err
    assert "Traceback" not in err


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_an_interrupted_run_is_status_130_and_keeps_what_was_reached(tmp_path):
    argv = ["train", ANN, "--set", "train.steps=100000000", "--out", str(tmp_path / "run")]
    with subprocess.Popen([sys.executable, "-m", "graphrun", *argv], stdout=subprocess.PIPE) as run:
        while run.stdout.readline().split()[:1] != [b"0"]:  # the first step's line
            assert run.poll() is None
        run.send_signal(signal.SIGINT)
        rest = run.stdout.read().decode("utf-8")
        assert run.wait(timeout=20) == 130
    assert "interrupted after" in rest
    assert (tmp_path / "run" / "params.safetensors").exists()


def test_test_tells_what_fails_and_where(text, tmp_path, capsys):
    Path("wrong.yaml").write_text(
        "graphrun: 1\ninputs: {x: 3}\nnodes:\n  y: 2 * x\nexpect:\n  - values: {y: 7}\n    shapes: {y: []}\n", encoding="utf-8"
    )
    Path("none.yaml").write_text("graphrun: 1\ninputs: {x: 3}\nnodes:\n  y: 2 * x\n", encoding="utf-8")
    Path("broken.yaml").write_text("graphrun: 1\nnodes:\n  y: 2 * x\n", encoding="utf-8")
    assert main(["test", "."]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "broken.yaml   failed"
    assert "broken.yaml:3:10 error unknown-name: there is no value called `x`" in lines
    assert "none.yaml     expects nothing" in lines
    assert "wrong.yaml    1 passed, 1 failed" in lines
    assert "  line 6: values y: expected 7, found 6, off by 1" in lines
    assert lines[-1].startswith("1 passed, 2 failed in 3 files (")


def test_test_as_json(document):
    found = document("test", NEURON)
    assert (found["files"], found["failed"], found["diagnostics"]) == (1, 0, [])
    assert found["passed"] == len(found["results"])
    assert {"file", "line", "entry", "kind", "name", "expected", "found", "difference", "ok", "at", "step"} == set(found["results"][0])


def test_show(text, document):
    out = text("show", ANN)
    for part in ("SPEC, resolved", "INPUTS AND PARAMETERS", "STEPS", "COST", "w5 · u1", "5 nodes + 6 parameters = 11 steps"):
        assert part in out
    found = document("show", ANN)
    assert found["work"] == {"nodes": 5, "parameters": 6, "reverse_steps": 11, "per_parameter_steps": 30}
    assert [s["name"] for s in found["steps"]][-1] == "L"


def test_show_resolves_settings(text):
    out = text("show", str(ROOT / "specs" / "iris.yaml"), "--set", "hidden=16")
    assert "hidden: 16" in out
    assert "[4, 16]" in out


def test_show_code_names_each_node(text):
    code = text("show", ANN, "--code")
    for name in ("u1", "u2", "u3", "L"):
        assert name in code
    compile(code, "step", "exec")


def test_schema(text, tmp_path):
    found = json.loads(text("schema"))
    assert "graphrun" in found["properties"]
    assert text("schema", "-o", "s.json") == ""
    assert json.loads((tmp_path / "s.json").read_text(encoding="utf-8")) == found


def test_a_checkpoint_of_another_spec_is_refused(text):
    save_file({"w": np.array(1.0)}, "other.safetensors")
    err = text("run", NEURON, "--checkpoint", "other.safetensors", status=3)
    assert "`b`" in err
