"""Specs of a git revision, read from a repository made for the test."""

import os
import shutil
import subprocess

import pytest

from graphrun.changes.revision import at_revision
from graphrun.errors import UsageError
from graphrun.model.difference import diff

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs the git command")

BLOCKS = "graphrun: 1\nfunctions:\n  block(v): {}(v)\n"
SPEC = "graphrun: 1\nname: a\nuse: [parts/blocks.yaml]\ninputs: {{x: 1}}\nnodes: {{h: block(x), J: h * {}}}\nloss: J\n"


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Two commits: `old` is a tag of the first, `main` the second; then the files on disk are changed again."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")

    def git(*words):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *identity, *words], cwd=tmp_path, check=True, capture_output=True)

    def write(function, factor):
        (tmp_path / "specs" / "parts").mkdir(parents=True, exist_ok=True)
        (tmp_path / "specs" / "parts" / "blocks.yaml").write_text(BLOCKS.format(function), encoding="utf-8")
        (tmp_path / "specs" / "a.yaml").write_text(SPEC.format(factor), encoding="utf-8")

    git("init", "-q")
    write("relu", 2)
    git("add", ".")
    git("commit", "-qm", "one")
    git("tag", "old")
    write("tanh", 2)
    git("commit", "-qam", "two")
    write("sigmoid", 3)
    return tmp_path


def told(before, after):
    found = diff(before, after)
    assert found.faults == ()
    return {e.entry.name: e.change for e in found.facts.changed}, {s.key: (s.before, s.after) for s in found.facts.settings}


def test_used_files_are_those_of_the_revision(repository):
    entries, settings = told("old:specs/a.yaml", "main:specs/a.yaml")
    assert entries == {"h": "follows"}
    assert settings == {"block.returns": ("relu(v)", "tanh(v)")}


def test_a_revision_against_the_file(repository):
    entries, settings = told("HEAD:specs/a.yaml", "specs/a.yaml")
    assert entries == {"h": "follows", "J": "changed"}
    assert settings == {"block.returns": ("tanh(v)", "sigmoid(v)")}
    assert diff("HEAD:specs/a.yaml", "specs/a.yaml").facts.names == ("HEAD:specs/a.yaml", "specs/a.yaml")


def test_paths_from_a_folder_below(repository, monkeypatch):
    monkeypatch.chdir(repository / "specs" / "parts")
    assert told("old:../a.yaml", "main:specs/a.yaml") == told("old:specs/a.yaml", "main:../a.yaml")


def test_links_are_followed(repository):
    (repository / "link.yaml").symlink_to("specs/a.yaml")
    run = {"cwd": repository, "check": True, "capture_output": True}
    subprocess.run(["git", "add", "link.yaml"], **run)
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@e.org", "commit", "-qm", "link"], **run)
    found = at_revision("main:link.yaml")
    assert found is not None
    assert found[0].read("link.yaml") == found[0].read("specs/a.yaml")


@pytest.mark.parametrize(
    ("name", "message", "help"),
    [
        ("mian:specs/a.yaml", "git knows no revision `mian`", "did you mean `main`?"),
        ("main:specs/b.yaml", "there is no file `specs/b.yaml` at main", "did you mean `main:specs/a.yaml`?"),
        ("main:specs", "there is no file `specs` at main", None),
        ("main:../../etc/passwd", "there is no file `../../etc/passwd` at main", None),
        ("main:/etc/passwd", "there is no file `/etc/passwd` at main", None),
        ("--output=evil:specs/a.yaml", "`--output=evil` is not the name of a revision", "write it as"),
        ("-p:specs/a.yaml", "`-p` is not the name of a revision", "write it as"),
        (":specs/a.yaml", "`:specs/a.yaml` names no revision", "write it as"),
        ("main\n--output=x:specs/a.yaml", "git knows no revision `main\n--output=x`", "name a branch"),
    ],
)
def test_what_is_not_there(repository, name, message, help):
    with pytest.raises(UsageError) as caught:
        diff(name, "specs/a.yaml")
    (fault,) = caught.value.diagnostics
    assert fault.message == message
    assert (fault.help or "").startswith(help or "")
    assert sorted(p.name for p in repository.iterdir() if p.name != ".git") == ["specs"]


def test_help_for_a_path_that_is_meant_from_this_folder(repository, monkeypatch):
    monkeypatch.chdir(repository / "specs")
    with pytest.raises(UsageError, match=r"it is `main:\./a\.yaml`"):
        diff("main:a.yaml", "a.yaml")


def test_outside_of_a_repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="git could not find a repository"):
        diff("main:a.yaml", "a.yaml")


def test_without_git(repository, monkeypatch):
    monkeypatch.setenv("PATH", str(repository))
    with pytest.raises(UsageError, match="needs the git command"):
        diff("main:specs/a.yaml", "specs/a.yaml")


def test_a_file_on_disk_comes_first(repository):
    (repository / "main:specs").mkdir()
    (repository / "main:specs" / "a.yaml").write_text("graphrun: 1\nnodes: {k: 3 + 4}\n", encoding="utf-8")
    assert at_revision("main:specs/a.yaml") is None


def test_faults_bear_the_revision(repository):
    (repository / "specs" / "a.yaml").write_text("graphrun: 1\nnode: {a: 1}\n", encoding="utf-8")
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@e.org", "commit", "-qam", "bad"], cwd=repository, check=True)
    first = diff("main:specs/a.yaml", "specs/a.yaml").faults[0]
    assert first.to_text().startswith("main:specs/a.yaml:2:1 error unknown-key")


def test_a_missing_used_file_is_told_with_its_place(repository):
    (repository / "specs" / "a.yaml").write_text(SPEC.format(2).replace("blocks", "bloks"), encoding="utf-8")
    subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@e.org", "commit", "-qam", "bad"], cwd=repository, check=True)
    first = diff("main:specs/a.yaml", "specs/a.yaml").faults[0]
    assert first.message == "there is no file `main:specs/parts/bloks.yaml`"
    assert first.help == "did you mean `main:specs/parts/blocks.yaml`?"
