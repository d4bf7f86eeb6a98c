"""The frame of the command line: help, unknown commands, exit statuses, errors without tracebacks."""

import importlib
import json
import subprocess
import sys

import pytest

from graphrun.cli import main as cli
from graphrun.cli.main import COMMANDS, LATER, main
from graphrun.errors import DataError, Diagnostic, SpecError


def test_help_lists_every_command_and_teaches(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert f"  {name} " in out
        assert summary in out
    assert "graphrun train specs/ann.yaml" in out
    assert "130 interrupted" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_each_command_begins_with_its_summary_and_has_examples(name, capsys):
    assert main([name, "--help"]) == 0
    out = capsys.readouterr().out
    assert COMMANDS[name] in out
    assert "Examples:" in out
    assert f"graphrun {name}" in out.split("Examples:")[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_file_of_its_own(name):
    assert callable(importlib.import_module(f"graphrun.cli.{name}").command)


def test_no_command_shows_the_help(capsys):
    assert main([]) == 2
    captured = capsys.readouterr()
    assert "First steps:" in captured.out + captured.err


def test_an_unknown_command_names_the_nearest(capsys):
    assert main(["tran", "x"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "`tran` is not a command. Did you mean `train`?" in captured.err


@pytest.mark.parametrize("name", LATER)
def test_a_command_of_the_language_that_is_not_there_yet_says_so(name, capsys):
    assert main([name, "x"]) == 2
    assert f"`{name}` is not there yet" in capsys.readouterr().err


def test_commands_and_those_still_to_come_are_apart():
    assert not set(COMMANDS) & set(LATER)


@pytest.mark.parametrize("argv", [["run"], ["run", "a.yaml", "--nonsense"], ["run", "a.yaml", "--format", "xml"], ["validate"]])
def test_a_wrong_command_line_is_status_2_without_a_traceback(argv, capsys):
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error:" in captured.err
    assert "Traceback" not in captured.err


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("graphrun ")


def _failing(monkeypatch, error):
    def command() -> None:
        """Fail."""
        raise error

    module = type(sys)("graphrun.cli.show")
    module.command = command
    monkeypatch.setitem(sys.modules, "graphrun.cli.show", module)
    return main(["show"])


def test_a_spec_error_is_status_1_and_goes_to_standard_error(monkeypatch, capsys):
    assert _failing(monkeypatch, SpecError([Diagnostic("cycle", "a round"), Diagnostic("unknown-name", "no b")])) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error cycle: a round\n\nerror unknown-name: no b\n"


def test_a_data_error_is_status_3(monkeypatch):
    assert _failing(monkeypatch, DataError("a row is missing")) == 3


def test_an_interruption_is_status_130(monkeypatch, capsys):
    assert _failing(monkeypatch, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_fault_of_our_own_asks_to_be_reported_and_shows_no_traceback(monkeypatch, capsys):
    monkeypatch.delenv("GRAPHRUN_DEBUG", raising=False)
    assert _failing(monkeypatch, ZeroDivisionError("by zero")) == 3
    err = capsys.readouterr().err
    assert "internal error (ZeroDivisionError: by zero)" in err
    assert "GRAPHRUN_DEBUG=1" in err
    assert "Traceback" not in err


def test_graphrun_debug_shows_the_traceback(monkeypatch, capsys):
    monkeypatch.setenv("GRAPHRUN_DEBUG", "1")
    assert _failing(monkeypatch, ZeroDivisionError("by zero")) == 3
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [(["x", "--format", "json"], True), (["x", "--format=json"], True), (["x", "--format", "text"], False), (["json"], False)],
)
def test_whether_json_was_asked_for(argv, wanted):
    assert cli._wants_json(argv) is wanted


def test_an_error_with_json_is_one_document(tmp_path, capsys):
    bad = tmp_path / "bad.yaml"
    bad.write_text("graphrun: 1\nnodes: {a: b}\n")
    assert main(["run", str(bad), "--format", "json"]) == 1
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["errors"] == 1
    assert document["diagnostics"][0]["code"] == "unknown-name"
    assert "unknown-name" in captured.err


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    script = "import sys; from graphrun.cli.main import main; sys.exit(main(['schema']))"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as run:
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 0
