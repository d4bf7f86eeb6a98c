"""The Makefile, with the environment that runs these tests in place of a new one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or not (Path(sys.prefix) / "bin" / "graphrun").exists(), reason="needs make and an installed graphrun"
)


@pytest.fixture
def make(tmp_path):
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv" / "bin").symlink_to(Path(sys.prefix) / "bin")
    for stamp in (".installed", ".installed-test"):
        (tmp_path / "venv" / stamp).touch()

    def call(*argv):
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        return subprocess.run(["make", "VENV=venv", *argv], cwd=tmp_path, env=env, capture_output=True, encoding="utf-8", check=False)

    return call


def test_make_train_trains_and_says_where_the_results_are(make, tmp_path):
    run = make("train")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("ann: the 2-2-1 net, 6 parameters, 8 rows")
    assert "outputs/ann/" in run.stdout
    assert (tmp_path / "outputs" / "ann" / "params.safetensors").exists()


def test_make_train_takes_another_spec(make):
    run = make("train", "SPEC=specs/neuron.yaml")
    assert run.returncode == 0, run.stderr
    assert "outputs/neuron/" in run.stdout


def test_make_train_fails_where_training_fails(make):
    run = make("train", "SPEC=specs/none.yaml")
    assert run.returncode != 0
    assert "none.yaml" in run.stderr


def test_make_test_lints_checks_types_and_runs_the_tests(make):
    run = make("-n", "test")
    for part in ("ruff check", "mypy", "-m pytest"):
        assert part in run.stdout


def test_nothing_is_installed_again(make):
    assert "pip install" not in make("-n", "train").stdout + make("-n", "test").stdout


def test_a_changed_pyproject_is_installed(make, tmp_path):
    later = (tmp_path / "venv" / ".installed").stat().st_mtime + 10
    os.utime(tmp_path / "pyproject.toml", (later, later))
    assert "pip install" in make("-n", "train").stdout
