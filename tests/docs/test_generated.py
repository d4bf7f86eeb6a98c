"""Pages made from the code are as the code is now; `make docs` makes them again."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

from graphrun.codes import catalogue
from graphrun.ops.registry import OPS

ROOT = Path(__file__).resolve().parents[2]


def _generate():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages():
    return {path.relative_to(ROOT).as_posix(): content for path, content in _generate().pages().items()}


@pytest.mark.parametrize("name", ["docs/operations.md", "docs/diagnostics.md", "docs/images/neuron.svg"])
def test_fresh(name, pages):
    assert (ROOT / name).read_bytes() == pages[name], "run `make docs`"


def _codes_used():
    """Code → a place that raises it: literals in the calls that make diagnostics and faults."""
    makers = {"Diagnostic", "Fault", "OpFault", "error", "warning", "_fault"}
    for path in sorted((ROOT / "graphrun").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                code = node.args[0].value
                if name in makers and isinstance(code, str) and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+|cycle|recursion|disk|usage", code):
                    yield code, f"{path.relative_to(ROOT)}:{node.lineno}"


def test_every_code_that_is_raised_is_documented():
    used = dict(_codes_used())
    assert len(used) > 50
    assert {code: place for code, place in used.items() if code not in catalogue()} == {}


def test_every_code_and_operation_is_there(pages):
    text = pages["docs/diagnostics.md"].decode()
    assert all(f"\n## {code}\n" in text for code in catalogue())
    text = pages["docs/operations.md"].decode()
    assert all(f"| `{name}(" in text for name, op in OPS.items() if op.public)
