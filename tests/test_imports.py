"""Who may import whom, and how long a file may be (docs of the architecture: the parts know each other in one direction only)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST = 450

# Part of the package → the parts that it may import, besides itself (`*`: all but `cli`); `errors` and `codes` are free to all.
ALLOWED = {
    "errors": "",
    "codes": "",
    "expr": "",
    "ir": "",
    "library": "",
    "ops": "ir",
    "spec": "expr",
    "autodiff": "ir ops",
    "files": "",
    "build": "spec expr ir ops autodiff library",
    "passes": "ir ops",
    "engines": "ir ops",
    "data": "spec build engines ir",
    "train": "spec build autodiff passes engines data ir",
    "ledger": "ir ops",
    "diagram": "ir",
    "changes": "spec expr ir ops build diagram",
    "interop": "model spec expr ir ops build autodiff passes engines",
    "lint": "spec build ir ops data expr",
    "lsp": "model spec build ir ops",
    "model": "*",
    "cli": "*",
    "__init__": "model",
    "__main__": "cli",
}
FREE = {"errors", "codes"}
LOADS_LATE = {"graphrun/model/__init__.py", "graphrun/__init__.py", "graphrun/cli/main.py"}
ONLY_IN = {"pydantic": "spec"}
LIGHT = {"errors", "codes", "expr", "ir", "ops", "spec", "autodiff", "build", "changes", "lint"}
HEAVY = {"numpy", "scipy", "rich", "typer", "jinja2", "safetensors", "pygraphviz", "graphviz", "torch", "jax", "numba", "pyarrow"}


def part_of(path: str) -> str:
    """`graphrun/ir/graph.py` → ir, `graphrun/errors.py` → errors."""
    parts = path.removesuffix(".py").split("/")
    return parts[1]


def imports(path: str, tree: ast.Module) -> Iterator[tuple[str, int, bool]]:
    """The modules that a file imports, the line, and whether that happens in a function."""
    package = path.removesuffix(".py").split("/")[:-1]
    stack: list[tuple[ast.AST, bool]] = [(tree, False)]
    while stack:
        node, late = stack.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, late
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            if module == "graphrun":  # `from graphrun import errors` imports graphrun.errors, `from graphrun import Model` a name
                yield from ((f"graphrun.{a.name}" if a.name in ALLOWED else module, node.lineno, late) for a in node.names)
            else:
                yield module, node.lineno, late
        inside = late or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        stack.extend((child, inside) for child in ast.iter_child_nodes(node))


def import_faults(path: str, module: str, line: int, late: bool) -> Iterator[str]:
    here = part_of(path)
    top, _, rest = module.partition(".")
    if top == "graphrun":
        there = rest.split(".")[0] or "__init__"
        known = there != "cli" if ALLOWED[here] == "*" else there in ALLOWED[here].split()  # nothing imports `cli`
        if there != here and there not in FREE and not known:
            yield f"{path}:{line}: {here} may not import {there}"
        if here in FREE and there != here:
            yield f"{path}:{line}: {here} imports nothing of ours"
        if late and path not in LOADS_LATE:
            yield f"{path}:{line}: {module} is imported in a function"
    if top in ONLY_IN and here != ONLY_IN[top]:
        yield f"{path}:{line}: {top} is imported outside {ONLY_IN[top]}"
    if top in HEAVY and here in LIGHT and not late:
        yield f"{path}:{line}: {here} loads {top}"


def faults(root: Path) -> list[str]:
    """Every breach of the rules below `root`."""
    found: list[str] = []
    jax: set[str] = set()
    for file in sorted(root.glob("graphrun/**/*.py")):
        path = file.relative_to(root).as_posix()
        text = file.read_text(encoding="utf-8")
        if part_of(path) not in ALLOWED:
            found.append(f"{path}: no rule for this part")
            continue
        tree = ast.parse(text)
        for module, line, late in imports(path, tree):
            found += import_faults(path, module, line, late)
            if module.split(".")[0] == "jax":
                jax.add(path)
        loads = {"import_module", "importlib.import_module", "__import__"} if path not in LOADS_LATE else set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in loads:
                name = " ".join(map(ast.unparse, node.args))
                if "graphrun" in name or "__name__" in name or "__package__" in name or name.startswith(("'.", "f'.")):
                    found.append(f"{path}:{node.lineno}: a module of ours is loaded by name")
    if len(jax) > 1:
        found.append(f"jax is imported in more than one file: {', '.join(sorted(jax))}")
    for file in sorted([*root.glob("graphrun/**/*.py"), *root.glob("tests/**/*.py")]):
        lines = file.read_text(encoding="utf-8").count("\n")
        if lines > LONGEST:
            found.append(f"{file.relative_to(root).as_posix()}: {lines} lines, more than {LONGEST}")
    return found


def test_the_rules_hold() -> None:
    assert faults(ROOT) == []


@pytest.mark.parametrize(
    ("path", "text", "fault"),
    [
        ("ir/graph.py", "from graphrun.ops import add", "graphrun/ir/graph.py:1: ir may not import ops"),
        ("ir/graph.py", "import os\nfrom ..ops import add", "graphrun/ir/graph.py:2: ir may not import ops"),
        ("ir/graph.py", "from graphrun import build", "graphrun/ir/graph.py:1: ir may not import build"),
        ("model.py", "import graphrun.cli.main", "graphrun/model.py:1: model may not import cli"),
        ("train/loop.py", "from graphrun.extra import x", "graphrun/train/loop.py:1: train may not import extra"),
        ("train/loop.py", "from graphrun import Model", "graphrun/train/loop.py:1: train may not import __init__"),
        ("train/loop.py", "import graphrun", "graphrun/train/loop.py:1: train may not import __init__"),
        ("errors.py", "import graphrun.codes", "graphrun/errors.py:1: errors imports nothing of ours"),
        ("build/a.py", "def f():\n    from graphrun.ir import graph", "graphrun/build/a.py:2: graphrun.ir is imported in a function"),
        ("build/a.py", "import numpy as np", "graphrun/build/a.py:1: build loads numpy"),
        ("build/a.py", "from pydantic import BaseModel", "graphrun/build/a.py:1: pydantic is imported outside spec"),
        (
            "data/a.py",
            "import importlib\nimportlib.import_module('graphrun.ir')",
            "graphrun/data/a.py:2: a module of ours is loaded by name",
        ),
        ("extra/a.py", "", "graphrun/extra/a.py: no rule for this part"),
        ("ir/a.py", "\n" * 451, "graphrun/ir/a.py: 451 lines, more than 450"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, path: str, text: str, fault: str) -> None:
    file = tmp_path / "graphrun" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    assert faults(tmp_path) == [fault]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("ops/a.py", "def kernel(xp, x):\n    from scipy import special\n    return special.erf(x)"),
        ("cli/main.py", "def run():\n    from graphrun.cli import train"),
        ("spec/a.py", "import pydantic\nfrom graphrun.errors import Place\nfrom graphrun.expr.parse import parse"),
        ("model.py", "from graphrun.train.loop import train"),
        ("ops/a.py", "import importlib\nimportlib.import_module('scipy.special')"),
    ],
)
def test_what_is_allowed_is_no_breach(tmp_path: Path, path: str, text: str) -> None:
    file = tmp_path / "graphrun" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    assert faults(tmp_path) == []


def test_jax_in_two_files_is_found(tmp_path: Path) -> None:
    for name in ("a", "b"):
        file = tmp_path / "graphrun" / "engines" / f"{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("def f():\n    import jax", encoding="utf-8")
    assert faults(tmp_path) == ["jax is imported in more than one file: graphrun/engines/a.py, graphrun/engines/b.py"]


def test_reading_and_building_load_nothing_heavy() -> None:
    """All modules of the parts that `graphrun validate` needs, imported in a fresh interpreter."""
    modules = [
        file.relative_to(ROOT).as_posix().removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for file in sorted(ROOT.glob("graphrun/**/*.py"))
        if part_of(file.relative_to(ROOT).as_posix()) in LIGHT
    ]
    code = f"import importlib, sys\nfor name in {modules}: importlib.import_module(name)\nprint(sorted(set(sys.modules) & {HEAVY}))"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (out.stdout.strip(), out.stderr) == ("[]", "")
