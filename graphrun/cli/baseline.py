"""What `validate --baseline FILE` adopts: faults that were there when the file was written are not told again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from graphrun.cli import files
from graphrun.cli.formats import fingerprint
from graphrun.errors import Diagnostic, UsageError

__all__ = ["without_baseline", "write_baseline"]


def write_baseline(path: str, found: Mapping[str, Sequence[Diagnostic]]) -> int:
    """Writes all that was found, and returns how much that is. No line numbers are kept: a fault stays adopted where lines move."""
    entries = [
        {"file": name, "code": d.code, "message": d.message, "fingerprint": fingerprint(name, d)}
        for name, diagnostics in found.items()
        for d in diagnostics
    ]
    entries.sort(key=lambda e: (e["file"], e["code"], e["message"], e["fingerprint"]))
    files.write_json(path, {"graphrun_baseline": 1, "adopted": entries})
    return len(entries)


def without_baseline(path: str, found: Mapping[str, Sequence[Diagnostic]]) -> tuple[dict[str, list[Diagnostic]], int]:
    """What was found without what the file adopts, each entry once, and how many faults that leaves out. Raises UsageError."""
    left = Counter(_fingerprints(path))
    out: dict[str, list[Diagnostic]] = {}
    adopted = 0
    for name, diagnostics in found.items():
        out[name] = []
        for d in diagnostics:
            key = fingerprint(name, d)
            if left[key] > 0:
                left[key] -= 1
                adopted += 1
            else:
                out[name].append(d)
    return out, adopted


def _fingerprints(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
        return [str(entry["fingerprint"]) for entry in document["adopted"]]
    except FileNotFoundError:
        raise UsageError(f"there is no baseline {path}; `--update-baseline` writes it from what is found now") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{path} is not a baseline; `--update-baseline` writes it anew from what is found now") from None
