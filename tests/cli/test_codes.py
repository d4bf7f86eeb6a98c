"""Codes that no file of a spec can bring about: those of commands, and of what is counted."""

import sys

import pytest

from graphrun.cli.main import main
from graphrun.data.cells import PER_COLUMN
from graphrun.errors import UsageError
from graphrun.model import load

SPEC = "graphrun: 1\nparams: {w: 1}\nnodes: {J: w^2}\nloss: J\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s.yaml").write_text(SPEC, encoding="utf-8")


def told(argv, capsys):
    status = main(argv)
    return status, capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "status", "code"),
    [
        (["explain", "unknown-nmae"], 2, "unknown-code"),
        (["train", "s.yaml"], 2, "no-length"),
        (["diff", "nowhere:s.yaml", "s.yaml"], 2, "no-such-revision"),
    ],
)
def test_a_command_tells_it(argv, status, code, capsys):
    found, err = told(argv, capsys)
    assert f"error {code}: " in err
    assert found == status


def test_a_picture_of_an_unknown_format(tmp_path):
    with pytest.raises(UsageError) as caught:
        load(tmp_path / "s.yaml").render(tmp_path / "s.bmp")
    assert [d.code for d in caught.value.diagnostics] == ["unknown-format"]


def test_a_language_server_without_its_extra(capsys, monkeypatch):
    for name in [n for n in sys.modules if n.startswith(("graphrun.lsp", "graphrun.cli.lsp"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pygls", None)
    monkeypatch.setitem(sys.modules, "pygls.lsp.server", None)
    monkeypatch.setitem(sys.modules, "pygls.server", None)
    found, err = told(["lsp"], capsys)
    assert "error missing-extra: " in err
    assert found == 2


def test_cells_that_are_not_told_are_counted(tmp_path, capsys):
    columns = [f"c{k}" for k in range(60)]
    rows = "\n".join(",".join("a" if row else "1" for _ in columns) for row in range(PER_COLUMN + 3))
    (tmp_path / "t.csv").write_text(",".join(columns) + "\n" + rows + "\n", encoding="utf-8")
    spec = "graphrun: 1\ninputs: {x: {shape: [60]}}\nnodes: {y: sum(x)}\ndata: {source: t.csv, columns: {x: c*}}\n"
    (tmp_path / "s.yaml").write_text(spec, encoding="utf-8")
    main(["validate", "s.yaml", "--no-cache"])
    assert "error more-faults: " in capsys.readouterr().out


def test_parameters_that_fit_nothing(tmp_path, capsys):
    assert main(["train", "s.yaml", "--set", "train.steps=1", "--out", "run"]) == 0
    other = SPEC.replace("w", "v") + "train: {steps: 1, from: run}\n"
    (tmp_path / "t.yaml").write_text(other, encoding="utf-8")
    capsys.readouterr()
    found, err = told(["train", "t.yaml"], capsys)
    assert "error nothing-taken: " in err
    assert found == 3


def test_a_parameter_that_no_machine_holds(tmp_path, capsys):
    text = SPEC.replace("{w: 1}", "{w: {shape: [1000000, 1000000], init: 'normal(0, 1)'}}").replace("w^2", "sum(w)") + "train: {steps: 1}\n"
    (tmp_path / "large.yaml").write_text(text, encoding="utf-8")
    found, err = told(["train", "large.yaml"], capsys)
    assert "error memory: this takes more memory than there is (" in err
    assert "a fault of graphrun" not in err
    assert found == 3
