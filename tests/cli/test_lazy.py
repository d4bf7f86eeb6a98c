"""What a command loads."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import sys
from graphrun.cli.main import main
status = main({argv!r})
heavy = {{"numpy", "scipy", "rich", "jinja2", "pygraphviz", "safetensors"}}
print("LOADED", *sorted({{m.partition(".")[0] for m in sys.modules}} & heavy))
sys.exit(status)
"""


def _loaded(*argv):
    run = subprocess.run(
        [sys.executable, "-c", PROBE.format(argv=list(argv))], capture_output=True, text=True, encoding="utf-8", cwd=ROOT, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.rpartition("LOADED")[2].split()


@pytest.mark.parametrize(
    "argv", [("validate", "specs/ann.yaml"), ("validate", "specs/"), ("validate", "--help"), ("--help",), ("--version",), ("schema",)]
)
def test_what_needs_no_arrays_loads_none(argv):
    assert _loaded(*argv) == []


def test_the_probe_sees_what_is_loaded():
    assert "numpy" in _loaded("run", "specs/neuron.yaml")
