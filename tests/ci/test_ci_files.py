"""The hooks and templates for CI, run on a sample repository as far as that goes without a network."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GOOD = "graphrun: 1\ninputs: {x: 1, y: 2}\nparams: {w: 2}\nnodes:\n  J: (w * x - y)^2\nloss: J\nexpect:\n  - values: {J: 0}\n"
BASH = shutil.which("bash")
GIT = shutil.which("git")

pytestmark = pytest.mark.skipif(BASH is None or GIT is None, reason="needs bash and git")


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with two specs, and `graphrun` on the PATH."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "graphrun").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m graphrun.cli.main "$@"\n')
    (tools / "python").write_text('#!/bin/sh\nexit 0\n')  # `python -m pip install` has nothing to install here
    for tool in tools.iterdir():
        tool.chmod(0o755)
    folder = tmp_path / "repository"
    (folder / "specs").mkdir(parents=True)
    (folder / "specs" / "good.yaml").write_text(GOOD)
    (folder / "specs" / "other.yaml").write_text(GOOD)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git = [GIT, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *command], check=True, cwd=folder)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("GRAPHRUN_CACHE", str(tmp_path / "cache"))
    return folder


def _bash(folder, script, **environment):
    done = subprocess.run(
        [BASH, "-c", script], cwd=folder, capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("hook", yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text()), ids=lambda hook: hook["id"])
def test_pre_commit_hooks(hook, repository):
    assert {"id", "name", "entry", "language", "files"} <= set(hook)
    run = f"{hook['entry']} specs/good.yaml specs/other.yaml"
    assert _bash(repository, run)[0] == 0
    (repository / "specs" / "good.yaml").write_text(GOOD.replace("w * x", "v * x"))
    status, said = _bash(repository, run)
    assert status == 1
    assert "unknown-name" in said


def _action(repository, **inputs):
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    step = action["runs"]["steps"][-1]
    defaults = {name: about["default"] for name, about in action["inputs"].items()}
    environment = {
        key: {**defaults, **inputs}[value.removeprefix("${{ inputs.").removesuffix(" }}")] for key, value in step["env"].items()
    }
    summary = repository.parent / "summary.md"
    summary.write_text("")
    status, said = _bash(repository, step["run"], GITHUB_ACTION_PATH=str(ROOT), GITHUB_STEP_SUMMARY=str(summary), **environment)
    return status, said, summary.read_text()


def test_the_action_on_good_specs(repository):
    status, said, summary = _action(repository)
    assert status == 0, said
    assert "::error" not in said
    assert "2 passed, 0 failed in 2 files" in summary


def test_the_action_tells_what_is_wrong_and_what_changed(repository):
    (repository / "specs" / "good.yaml").write_text(GOOD.replace("(w * x - y)^2", "(w * x - y)^2 + w"))
    status, said, summary = _action(repository, compare="HEAD")
    assert status == 1
    assert "### Expectations" in summary
    assert "expected 0, found 2" in summary
    assert "### `HEAD:./specs/good.yaml` → `specs/good.yaml`" in summary
    (repository / "specs" / "good.yaml").write_text(GOOD.replace("w * x", "v * x"))
    status, said, summary = _action(repository)
    assert status == 1
    assert "::error file=specs/good.yaml,line=5" in said
    assert "there is no value called `v`" in summary


def test_paths_one_a_line_may_hold_spaces(repository):
    (repository / "more specs").mkdir()
    (repository / "more specs" / "it's $HOME.yaml").write_text(GOOD)
    for paths in ("specs/\nmore specs/\n", "specs/ more?specs/", "specs/ more?specs/\n"):
        status, said, summary = _action(repository, paths=paths)
        assert status == 0, said
        assert "3 passed, 0 failed in 3 files" in summary


def test_the_summary_says_that_there_is_no_such_path(repository):
    status, said, summary = _action(repository, paths="nowhere/")
    assert status == 2, said
    assert "nowhere/ does not exist" in summary


LAYERED = """graphrun: 1
inputs: {x: {shape: [batch, 4]}, y: {shape: [batch]}}
nodes:
  h: x -> dense(8, tanh) -> dense(1)
  J: mean((h[:, 0] - y)^2)
loss: J
"""


def test_the_summary_has_the_picture_and_what_the_change_costs(repository):
    (repository / "specs" / "net.yaml").write_text(LAYERED)
    git = [GIT, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["add", "."], ["commit", "-qm", "second"]):
        subprocess.run([*git, *command], check=True, cwd=repository)
    (repository / "specs" / "net.yaml").write_text(LAYERED.replace("dense(8", "dense(16"))
    (repository / "specs" / "new.yaml").write_text(LAYERED)
    status, said, summary = _action(repository, compare="HEAD")
    assert status == 0, said
    picture = summary.partition("```mermaid\n")[2].partition("```")[0]
    assert picture.startswith("graph ")
    assert "dense units 8 → 16" in picture
    assert "**49 → 97 parameters (+48)**" in summary
    assert "| ~ changed | `numbers in parameters` | `49 → 97 (+48)` |" in summary
    assert "| ~ changed | `multiply-adds forward` |" in summary
    assert "| ~ changed | `memory of all values` |" in summary
    assert "### `specs/new.yaml` is new" in summary
    assert "good.yaml →" not in summary


def test_a_revision_that_the_checkout_lacks_is_told(repository):
    status, said, summary = _action(repository, compare="origin/main")
    assert status == 0, said
    assert "This checkout does not hold `origin/main`" in summary
    assert "::warning title=graphrun::" in said


def test_a_change_in_a_used_file_is_compared(repository):
    blocks = "graphrun: 1\nfunctions:\n  net(x): x -> dense(2)\n"
    (repository / "specs" / "blocks.yaml").write_text(blocks)
    net = "graphrun: 1\nuse: [blocks.yaml]\ninputs: {x: {shape: [batch, 4]}}\nnodes:\n  J: mean(net(x))\nloss: J\n"
    (repository / "specs" / "net.yaml").write_text(net)
    git = [GIT, "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["add", "."], ["commit", "-qm", "second"]):
        subprocess.run([*git, *command], check=True, cwd=repository)
    (repository / "specs" / "blocks.yaml").write_text(blocks.replace("dense(2)", "dense(3)"))
    status, said, summary = _action(repository, compare="HEAD")
    assert status == 0, said
    assert "### `HEAD:./specs/net.yaml` → `specs/net.yaml`" in summary
    assert "**10 → 15 parameters (+5)**" in summary


def test_the_gitlab_template(repository):
    job = yaml.safe_load((ROOT / "docs" / "ci" / "gitlab.yml").read_text())["graphrun"]
    script = "set -e\n" + "\n".join(job["script"])
    assert _bash(repository, script, **job["variables"])[0] == 0
    assert json.loads((repository / job["artifacts"]["reports"]["codequality"]).read_text()) == []
    (repository / "specs" / "good.yaml").write_text(GOOD.replace("w * x", "v * x"))
    assert _bash(repository, script, **job["variables"])[0] == 1
    (entry,) = json.loads((repository / job["artifacts"]["reports"]["codequality"]).read_text())
    assert entry["location"] == {"path": "specs/good.yaml", "lines": {"begin": 5, "end": 5}}
    (repository / "specs" / "good.yaml").write_text(GOOD.replace("J: 0", "J: 1"))
    status, said = _bash(repository, script, **job["variables"])
    assert status == 1
    assert "expected 1, found 0" in said
    assert '<failure message="line 8: values J: expected 1' in (repository / job["artifacts"]["reports"]["junit"]).read_text()
