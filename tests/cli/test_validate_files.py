"""The files that `validate` meets: links, pipes, other encodings, files that others use, and a cache that is not as it was left."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphrun.cli import many
from graphrun.cli.main import main
from graphrun.files import write_atomic

GOOD = "graphrun: 1\ninputs: {x: 1, y: 2}\nparams: {w: 2}\nnodes:\n  J: (w * x - y)^2\nloss: J\n"
BAD = GOOD.replace("w * x", "v * x")
posix = pytest.mark.skipif(os.name != "posix", reason="needs links, pipes and permissions")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPHRUN_CACHE", str(tmp_path / "cache"))
    return tmp_path


def _out(capsys, *argv, status=1):
    assert main(["validate", *argv]) == status
    return capsys.readouterr().out


def _json(capsys, *argv, status=1):
    return json.loads(_out(capsys, *argv, "--format", "json", status=status))["diagnostics"]


@posix
def test_a_link_that_leads_nowhere_is_a_fault_among_the_others(capsys, folder):
    (folder / "specs").mkdir()
    (folder / "specs" / "bad.yaml").write_text(BAD)
    (folder / "specs" / "gone.yaml").symlink_to("nowhere.yaml")
    assert [d["code"] for d in _json(capsys, "specs")] == ["unknown-name", "missing-file"]
    assert main(["test", "specs"]) == 1
    assert "there is no file `specs/gone.yaml`" in capsys.readouterr().out


@posix
def test_a_pipe_in_a_folder_is_passed_by(capsys, folder):
    (folder / "good.yaml").write_text(GOOD)
    os.mkfifo(folder / "pipe.yaml")
    assert "in 1 file" in _out(capsys, ".", status=0)


@posix
def test_a_spec_from_a_pipe_is_read_once(folder):
    for _ in range(2):  # the second time with a cache
        command = [sys.executable, "-m", "graphrun.cli.main", "validate", "--fix", "/dev/stdin"]
        done = subprocess.run(command, input=BAD, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "there is no value called `v`" in done.stdout


@posix
def test_a_mended_file_stays_a_link_and_keeps_its_permissions(folder):
    real = folder / "real.yaml"
    real.write_text(GOOD.replace("loss", "los"))
    real.chmod(0o640)
    (folder / "link.yaml").symlink_to("real.yaml")
    assert main(["validate", "--fix", "link.yaml"]) == 0
    assert (folder / "link.yaml").is_symlink()
    assert real.read_text() == GOOD
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@posix
def test_a_report_goes_into_a_pipe_as_it_is(folder):
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_atomic(pipe, "report")
        assert os.read(reader, 100) == b"report"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_one_fault(encoding, capsys, folder):
    (folder / "s.yaml").write_bytes(GOOD.encode(encoding))
    (one,) = _json(capsys, "s.yaml")
    assert (one["code"], one["line"], one["help"]) == ("not-utf-8", 1, "save the file as UTF-8")


def test_a_fault_in_a_used_file_is_told_once(capsys, folder):
    (folder / "blocks.yaml").write_text("graphrun: 1\nfunctions:\n  net(x): x -> dens(2)\n")
    for name in ("a", "b"):
        (folder / f"{name}.yaml").write_text(
            "graphrun: 1\nuse: [blocks.yaml]\ninputs: {x: {shape: [batch, 4]}}\nnodes:\n  z: net(x)\n"
        )
    (one,) = _json(capsys, "a.yaml", "b.yaml")
    assert (one["file"], one["code"]) == ("blocks.yaml", "unknown-function")
    said = _out(capsys, ".")
    assert said.count("unknown-function:") == 1
    assert "1 error in 1 of 3 files" in said
    report = _out(capsys, ".", "--format", "junit")
    assert '<testcase classname="graphrun.validate" name="a.yaml" file="a.yaml"/>' in report
    assert '<testcase classname="graphrun.validate" name="blocks.yaml" file="blocks.yaml">' in report


def test_fingerprints_differ_within_a_report_and_hold_no_lines(capsys, folder):
    text = GOOD.replace("(w * x - y)^2", "v * x + v * y")
    (folder / "s.yaml").write_text(text)
    (folder / "t.yaml").write_text(GOOD.replace("  J:", "  # graphrun: allow unused-node: was so once\n  J:"))

    def marks():
        assert main(["validate", ".", "--strict", "--format", "gitlab"]) == 1
        return [entry["fingerprint"] for entry in json.loads(capsys.readouterr().out)]

    first = marks()
    assert len(first) == len(set(first)) == 3
    for name in ("s", "t"):
        path = folder / f"{name}.yaml"
        path.write_text(path.read_text().replace("graphrun: 1\n", "graphrun: 1\n\n\n", 1))
    assert marks() == first
    report = json.loads(_out(capsys, ".", "--format", "sarif"))
    assert len({r["partialFingerprints"]["graphrun/v1"] for r in report["runs"][0]["results"]}) == 3


# -- the cache ---------------------------------------------------------------------------------------------------------


def test_a_cache_that_someone_wrote_into_is_no_fault(capsys, folder):
    (folder / "bad.yaml").write_text(BAD)
    first = _out(capsys, "bad.yaml").partition("\n\n")[0]
    (path,) = (folder / "cache").iterdir()
    (key,) = json.loads(path.read_text())
    for text in ("[]", "null", "3", "{", json.dumps({key: 3}), json.dumps({key: {"content": many._content("bad.yaml")}})):
        path.write_text(text)
        assert _out(capsys, "bad.yaml").partition("\n\n")[0] == first


def test_a_new_data_file_of_a_pattern_is_seen(capsys, folder):
    (folder / "data").mkdir()
    (folder / "data" / "a.csv").write_text("x,y\n1,2\n2,3\n")
    (folder / "s.yaml").write_text(GOOD.replace("{x: 1, y: 2}", "{x: {}, y: {}}") + "data: {source: data/*.csv}\ntrain: {steps: 3}\n")
    assert _json(capsys, "s.yaml", status=0) == []
    (folder / "data" / "b.csv").write_text("x,z\n1,2\n")
    assert [d["code"] for d in _json(capsys, "s.yaml")] == ["missing-column"]
    (folder / "data" / "b.csv").unlink()
    assert _json(capsys, "s.yaml", status=0) == []


def test_a_file_that_a_used_file_lacks_is_seen_when_it_comes(capsys, folder):
    (folder / "outer.yaml").write_text("graphrun: 1\nuse: [inner.yaml]\nfunctions:\n  f(x): g(x)\n")
    (folder / "s.yaml").write_text("graphrun: 1\nuse: [outer.yaml]\nnodes: {a: f(2)}\n")
    assert [d["code"] for d in _json(capsys, "s.yaml")] == ["missing-file"]
    (folder / "inner.yaml").write_text("graphrun: 1\nfunctions:\n  g(x): 2 * x\n")
    assert _json(capsys, "s.yaml", status=0) == []


def test_an_account_without_a_home_has_no_cache(capsys, folder, monkeypatch):
    (folder / "good.yaml").write_text(GOOD)
    for name in ("GRAPHRUN_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert many.cache_folder() is None
    assert _json(capsys, "good.yaml", status=0) == []
    assert not Path("~").exists()


@posix
def test_an_interruption_is_one_word_whatever_the_number_of_processes(folder):
    (folder / "specs").mkdir()
    for k in range(300):
        nodes = "".join(f"  n{j}: n{j - 1} * 2 + x\n" for j in range(1, 300))
        (folder / "specs" / f"s{k}.yaml").write_text(f"graphrun: 1\ninputs: {{x: 1}}\nnodes:\n  n0: x * 2\n{nodes}")
    code = (
        "import os, sys; from graphrun.cli import many; from graphrun.cli.main import main\n"
        "if __name__ == '__main__':\n"
        "    os.cpu_count = lambda: 2\n"
        "    print('ready', flush=True)\n"
        "    sys.exit(main(['validate', 'specs', '--no-cache']))\n"
    )
    (folder / "call.py").write_text(code)
    command = [sys.executable, "call.py"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert running.stdout is not None
    running.stdout.readline()
    time.sleep(0.5)
    os.killpg(running.pid, signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, "", "interrupted\n")
