"""The wheel holds every file of the package, and works where there is no source tree."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling")

ROOT = Path(__file__).parents[1]
DATA = (
    "library/layers.yaml", "library/losses.yaml", "library/optimizers.yaml", "library/initializers.yaml", "templates/neuron.yaml",
    "ledger/html/page.html.j2", "ledger/html/run/run.html.j2", "ledger/schema.json", "diagram/fonts/DejaVuSans.ttf",
    "diagram/fonts/LICENSE", "py.typed",
)  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    code = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    made = subprocess.run([sys.executable, "-c", code, str(folder)], cwd=ROOT, capture_output=True, text=True, check=True)
    return folder / made.stdout.split()[-1]


def test_every_file_of_the_package_is_in_the_wheel(wheel):
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith("graphrun/")}
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "graphrun").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    assert files - held == set()
    assert held - files == set()
    assert {f"graphrun/{name}" for name in DATA} <= held


@pytest.mark.slow
def test_the_wheel_works_by_itself(wheel, tmp_path):
    """Installed into an environment without the source tree; what it depends on is lent by this one."""
    venv.create(tmp_path / "venv", with_pip=False)
    bin_ = tmp_path / "venv" / ("Scripts" if sys.platform == "win32" else "bin")
    (site,) = [p for p in (tmp_path / "venv").rglob("site-packages") if p.is_dir()]
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    lent = next(p for p in map(Path, sys.path) if p.name == "site-packages")
    # -I and a path appended by hand: the files by which this environment finds the source tree are not read
    python = [str(bin_ / "python"), "-I", "-c"]
    start = f"import sys; sys.path.append({str(lent)!r})\n"
    argv = [*python, f"{start}from graphrun.cli.main import main; sys.exit(main())"]
    (tmp_path / "work").mkdir()
    for command in (
        ["new", "net.yaml", "--template", "classifier"],
        ["validate", ".", "--smoke", "--no-cache"],
        ["train", "net.yaml", "--quiet"],
        ["test", "net.yaml"],
        ["new", "one.yaml", "--template", "neuron"],
        ["grad", "one.yaml", "-o", "one.html"],
        ["render", "net.yaml", "-o", "net.svg"],
        ["schema", "-o", "graphrun.schema.json"],
    ):
        run = subprocess.run([*argv, *command], cwd=tmp_path / "work", capture_output=True, text=True, encoding="utf-8", check=False)
        assert run.returncode == 0, (command, run.stdout, run.stderr)
    found = {p.name for p in (tmp_path / "work").iterdir()}
    assert {"net.yaml", "one.yaml", "one.html", "net.svg", "graphrun.schema.json", "outputs"} <= found
    probe = [*python, f"{start}import graphrun; print(graphrun.__file__)"]
    where = subprocess.run(probe, capture_output=True, text=True, check=True).stdout
    assert Path(where.strip()).is_relative_to(site)


@pytest.mark.slow
def test_uvx_runs_the_wheel(wheel, tmp_path):
    """`uvx --from WHEEL graphrun validate specs/`, in an environment that uv makes of the wheel alone."""
    uvx = shutil.which("uvx")
    if uvx is None:
        pytest.skip("needs uv")
    (tmp_path / "specs").mkdir()
    for name in ("ann.yaml", "iris.yaml", "data/iris.csv"):
        target = tmp_path / "specs" / name
        target.parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "specs" / name, target)
    (tmp_path / "specs" / "bad.yaml").write_text("graphrun: 1\nnodes: {y: 2 * w}\n", encoding="utf-8")
    run = subprocess.run(
        [uvx, "--from", str(wheel), "graphrun", "validate", "specs/"], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8",
        check=False,
    )  # fmt: skip
    if run.returncode not in (0, 1) or "graphrun explain" not in run.stdout:
        words = ("fetch", "network", "sending request", "offline", "dns", "resolve")
        if any(word in run.stderr.lower() for word in words):
            pytest.skip("needs a package index")
    assert run.returncode == 1, run.stderr
    assert "specs/bad.yaml:2:16 error unknown-name: there is no value called `w`" in run.stdout
    assert "1 error in 1 of 3 files" in run.stdout
