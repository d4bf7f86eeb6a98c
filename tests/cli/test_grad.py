"""`graphrun grad` with its views, forms and settings, and the check of committed ledgers."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphrun.cli import printing
from graphrun.cli.main import main
from graphrun.model import load

ROOT = Path(__file__).resolve().parents[2]
Call = Callable[..., str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def text(capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*argv: str, status: int = 0) -> str:
        assert main(["grad", *argv]) == status
        captured = capsys.readouterr()
        return captured.out if status in (0, 1) else captured.err

    return call


def _flat(text: str) -> str:
    return " ".join(text.split())


NEURON, ANN, IRIS = "specs/neuron.yaml", "specs/ann.yaml", "specs/iris.yaml"


# -- which numbers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([NEURON], "at the initial parameters and default inputs"),
        ([NEURON, "--at", "w=3", "--at", "x=1"], "at the initial parameters and default inputs, by hand x = 1, w = 3"),
        ([ANN], "row 1 of 8: x1 = 1, x2 = 2, y = 5 (--row N for another, --row all for the mean) at the initial parameters"),
        ([ANN, "--row", "3"], "row 3 of 8: x1 = 0, x2 = 1, y = 1"),
        ([ANN, "--row", "all"], "the mean over all 8 rows at the initial parameters"),
        ([IRIS], "rows 1 to 16 of 100 at the initial parameters of seed 0"),
        ([NEURON, "--updates", "2"], "update 2 of 2, at the parameters after 1 update"),
    ],
)
def test_the_header_says_which_numbers(text: Call, argv: list[str], said: str) -> None:
    assert said in _flat(text(*argv))


def test_a_checkpoint_is_a_folder_or_a_file(text: Call) -> None:
    assert main(["train", ANN, "--quiet", "--out", "run"]) == 0
    text(NEURON)
    one, other = text(ANN, "--checkpoint", "run"), text(ANN, "--checkpoint", "run/params.safetensors")
    assert "at the parameters of run\n" in one
    assert "at the parameters of run/params.safetensors\n" in other
    assert one.partition("FORWARD")[2] == other.partition("FORWARD")[2]
    assert "with the parameters" not in one
    assert "by hand w1 = 0" in text(ANN, "--checkpoint", "run", "--at", "w1=0")


def test_updates_go_on_from_each_other(text: Call) -> None:
    out = _flat(text(NEURON, "--updates", "2"))
    assert "UPDATE sgd(lr=0.1) w 2 → 2.4 b 8 → 7.8" in out
    assert "UPDATE sgd(lr=0.1) w 2.4 →" in out
    assert out.count("FORWARD") == 2


def test_any_derivative_has_its_own_chain(text: Call) -> None:
    out = _flat(text(ANN, "--of", "u3", "--wrt", "w5"))
    assert "∂u3/∂w5 = u1 = 5" in out
    assert "GRADIENT ∂u3/∂w5 = 5 u3 rises 5 times as fast as w5 rises" in out
    assert "raise w5 by 0.001 and u3 changes by +0.005" in out
    assert "UPDATE" not in out


# -- views -----------------------------------------------------------------------------------------------------------------


def test_views_in_every_form(text: Call) -> None:
    for flags in (["--paths", "w1"], ["--forward-mode"], ["--entry", "u1"]):
        for suffix, begins in (("md", "# ann"), ("tex", r"\documentclass"), ("json", "{")):
            text(ANN, *flags, "-o", f"view.{suffix}")
            assert Path(f"view.{suffix}").read_text(encoding="utf-8").startswith(begins)
        document = json.loads(Path("view.json").read_text(encoding="utf-8"))
        assert document["spec"] == "ann"
        assert "initial parameters" in document["where"]


def test_paths_and_the_work_of_forward_mode(text: Call) -> None:
    assert "PATHS from w1 to L: 1 path" in text(ANN, "--paths", "w1")
    assert "PATHS from w5 to u3: 1 path" in text(ANN, "--paths", "w5", "--of", "u3")
    out = _flat(text(ANN, "--forward-mode"))
    assert "6 sweeps of 5 steps: 5 · 6 = 30 steps." in out
    assert "after 5 + 6 = 11 steps." in out
    only = _flat(text(ANN, "--forward-mode", "--wrt", "w5"))
    assert "SWEEP 1 of 1: by w5, 5 steps" in only


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--paths", "w1", "--entry", "u1"], "--entry and --paths do not go together"),
        (["--paths", "w1", "--wrt", "w2"], "--paths says itself by what is differentiated"),
        (["--paths", "w9"], "--paths: there is no value called `w9`"),
        (["--entry", "w1[0]"], "--entry: `w1` is a single number and has no entries"),
        (["--updates", "2", "--of", "u3"], "--updates follows the loss"),
        ([ANN], "one spec is wanted, and 2 are given"),
        (["-o", "ledger.docx"], "cannot tell the format"),
    ],
)
def test_what_does_not_go(text: Call, argv: list[str], message: str) -> None:
    assert message in text(ANN, *argv, status=2)


def test_a_view_fits_eighty_columns_and_ascii(text: Call) -> None:
    for argv in ([IRIS, "--entry", "h.weight[1, 3]"], [IRIS, "--forward-mode"], [IRIS, "--paths", "h.bias[0]", "--row", "2"]):
        out = text(*argv)
        assert [line for line in out.splitlines() if len(line) > 80] == []
    assert re.search(r"it is used 16 times|used 16 times", text(IRIS, "--entry", "h.weight[1, 3]"))


# -- timing ----------------------------------------------------------------------------------------------------------------


def test_times_are_taken_where_they_are_asked_for_and_never_written(text: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "TIME" not in text(ANN)
    out = _flat(text(ANN, "--timing"))
    assert re.search(r"TIME forward and backward once [\d.]+ (µs|ms); one derivative at a time [\d.]+ (µs|ms) \(6 passes, measured\)", out)
    document = json.loads(text(ANN, "--timing", "--format", "json"))
    assert document["timing"]["passes"] == document["timing"]["measured_passes"] == document["work"]["parameters"]
    text(ANN, "--timing", "-o", "ledger.md")
    assert "one derivative at a time" in Path("ledger.md").read_text(encoding="utf-8")
    assert "forward and backward once" not in Path("ledger.md").read_text(encoding="utf-8")
    monkeypatch.setattr(printing, "is_terminal", lambda: True)
    monkeypatch.setattr(printing, "width", lambda: 80)
    assert "TIME" in text(ANN)


def test_a_long_time_is_extrapolated_and_marked_so(text: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphrun.model.timing.PATIENCE", 0.0)
    document = json.loads(text(ANN, "--timing", "--format", "json"))["timing"]
    assert (document["passes"], document["measured_passes"], document["extrapolated"]) == (6, 3, True)
    assert "(6 passes, extrapolated from 3)" in _flat(text(ANN, "--timing"))


# -- large graphs ----------------------------------------------------------------------------------------------------------


def _chain(nodes: int) -> str:
    steps = "\n".join(f"  n{k}: tanh(w{k % 10} * n{k - 1})" if k else "  n0: x" for k in range(nodes // 2))
    weights = ", ".join(f"w{k}: {0.9 + k / 20}" for k in range(10))
    return f"graphrun: 1\nname: chain\ninputs: {{x: 0.5}}\nparams: {{{weights}}}\nnodes:\n{steps}\n  J: n{nodes // 2 - 1}^2\nloss: J\n"


def test_ten_thousand_nodes_in_every_form(text: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("chain.yaml").write_text(_chain(10_000), encoding="utf-8")
    text("chain.yaml", "-o", "ledger.json")
    document = json.loads(Path("ledger.json").read_text(encoding="utf-8"))
    assert len(document["nodes"]) == 10_000
    assert len(document["backward"]) > 10_000
    ledger = load("chain.yaml").ledger()
    assert ledger.to_text().count("\n") > 20_000
    assert ledger.to_markdown().count("\n") > 20_000
    monkeypatch.setattr(printing, "is_terminal", lambda: True)
    monkeypatch.setattr(printing, "width", lambda: 80)
    short = text("chain.yaml")
    assert "more steps; `-o ledger.md` writes them all" in short
    assert short.count("\n") < 2_000


# -- committed ledgers -----------------------------------------------------------------------------------------------------


def test_check_tells_which_ledgers_are_stale(text: Call) -> None:
    names = [f"ledger.{suffix}" for suffix in ("md", "tex", "json", "html")]
    for name in names:
        text(ANN, "--row", "2", "-o", name)
    text(ANN, "--paths", "w1", "-o", "paths.md")
    assert "all 5 files are as they would be made now" in text("--check", *names, "paths.md")
    spec = Path(ANN)
    spec.write_text(spec.read_text(encoding="utf-8").replace("w1: 1", "w1: 1.5"), encoding="utf-8")
    out = text("--check", *names, "paths.md", status=1)
    for name in [*names, "paths.md"]:
        assert f"{name}: stale: make it again with `graphrun grad " in out
    text(ANN, "--row", "2", "-o", "ledger.md")
    assert "as it would be made now" in text("--check", "ledger.md")


def test_check_does_not_depend_on_the_folder_it_is_called_from(text: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["train", ANN, "--quiet", "--out", "run"]) == 0
    text(NEURON)
    spec, run = os.path.abspath(ANN), os.path.abspath("run")
    names = [f"made/ledger.{suffix}" for suffix in ("md", "tex", "json", "html")]
    Path("made").mkdir()
    for name in names:
        text(spec, "--checkpoint", run, "-o", name)
    assert json.loads(Path("made/ledger.json").read_text(encoding="utf-8"))["where"] == "at the parameters of ../run"
    assert "all 4 files are as they would be made now" in text("--check", *names)
    monkeypatch.chdir("made")
    assert "all 4 files are as they would be made now" in text("--check", *(Path(name).name for name in names))


def test_a_ledger_that_was_edited_is_stale(text: Call) -> None:
    text(NEURON, "-o", "ledger.md")
    path = Path("ledger.md")
    path.write_text(path.read_text(encoding="utf-8").replace("= -4 |", "= 4 |", 1), encoding="utf-8")
    assert "stale" in text("--check", "ledger.md", status=1)


def test_the_schema_of_the_ledger_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "--ledger"]) == 0
    printed: Any = json.loads(capsys.readouterr().out)
    assert printed["title"] == "The ledger of `graphrun grad`"
