"""What a person at a terminal sees while a run goes on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pty = pytest.importorskip("pty")
ROOT = Path(__file__).resolve().parents[2]


def _on_a_terminal(*argv, cwd):
    main_end, other_end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "graphrun", *argv], cwd=cwd, stdin=subprocess.DEVNULL, stdout=other_end, stderr=other_end
    ) as run:
        os.close(other_end)
        seen = b""
        while True:
            try:
                part = os.read(main_end, 65536)
            except OSError:  # how Linux says that nobody writes any more
                break
            if not part:
                break
            seen += part
            if len(seen) > 1_000_000:
                run.kill()
                pytest.fail("the output does not end")
    os.close(main_end)
    assert run.returncode == 0
    return seen.decode("utf-8")


def test_a_long_run_has_a_progress_bar_that_is_gone_at_the_end(tmp_path):
    seen = _on_a_terminal("train", str(ROOT / "specs" / "ann.yaml"), "--set", "train.steps=300000", cwd=tmp_path)
    assert "/300000" in seen
    assert seen.count("\x1b[?25h") == seen.count("\x1b[?25l") == 1
    assert "300,000 steps in" in seen.rpartition("\x1b[?25h")[2]


def test_a_short_run_has_none(tmp_path):
    seen = _on_a_terminal("train", str(ROOT / "specs" / "neuron.yaml"), cwd=tmp_path)
    assert "\x1b[" not in seen
    assert "100 steps in" in seen
