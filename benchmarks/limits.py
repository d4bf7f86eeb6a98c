"""What is promised in seconds: a spec validated cold, a thousand specs, the picture and the ledger of 10,000 nodes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import graphrun as gr
from benchmarks.common import once

ROOT = Path(__file__).resolve().parent.parent


def told(what: str, seconds: float, limit: float) -> None:
    """Prints a time beside its limit."""
    print(f"  {what:58} {seconds:6.2f} s   of {limit:g}: {'held' if seconds <= limit else 'MISSED'}")


def command(*words: str) -> Callable[[], object]:
    """A whole process of the command line."""
    return lambda: subprocess.run([sys.executable, "-m", "graphrun", *words], check=True, capture_output=True, cwd=ROOT, env=installed())


@cache
def installed() -> dict[str, str]:
    """An environment in which the modules are compiled, as they are once a package is installed, whatever is set here."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | {
        "PYTHONPYCACHEPREFIX": os.path.join(tempfile.gettempdir(), "graphrun-compiled")
    }


def chain(nodes: int) -> str:
    """A spec of so many primitive steps."""
    steps = "\n".join(f"  n{k}: tanh(w{k % 10} * n{k - 1})" if k else "  n0: x" for k in range(nodes // 2))
    weights = ", ".join(f"w{k}: {0.9 + k / 20}" for k in range(10))
    return f"graphrun: 1\ninputs: {{x: 0.5}}\nparams: {{{weights}}}\nnodes:\n{steps}\n  J: n{nodes // 2 - 1}^2\nloss: J\n"


def fifty(k: int) -> str:
    """A spec of fifty nodes, another for each k."""
    params = "\n".join(f"  w{i}: {i + k / 1000}" for i in range(50))
    nodes = "\n".join(f"  n{i}: tanh({f'n{i - 1}' if i else 'x'} * w{i} + {(k * 7 + i) % 13})" for i in range(49))
    return f"graphrun: 1\ninputs: {{x: 1, y: 2}}\nparams:\n{params}\nnodes:\n{nodes}\n  J: (n48 - y * w49)^2\nloss: J\n"


def main() -> None:
    """Prints each time beside its limit."""
    told("graphrun validate specs/ann.yaml, whole process", min(once(command("validate", "specs/ann.yaml"))[0] for _ in range(5)), 1 / 3)
    with tempfile.TemporaryDirectory() as folder:
        for k in range(1_000):
            (Path(folder) / f"s{k}.yaml").write_text(fifty(k), encoding="utf-8")
        told("graphrun validate, 1,000 specs of 50 nodes, no cache", once(command("validate", folder, "--no-cache"))[0], 10)
    model = gr.loads(chain(10_000))
    told("the picture of 10,000 nodes, as SVG", once(lambda: model.draw("svg"))[0], 5)
    making, ledger = once(model.ledger)
    for form, write in {"text": ledger.to_text, "Markdown": ledger.to_markdown, "JSON": ledger.to_json, "HTML": ledger.to_html}.items():
        told(f"the ledger of 10,000 nodes, made and written as {form}", making + once(write)[0], 5)


if __name__ == "__main__":
    main()
