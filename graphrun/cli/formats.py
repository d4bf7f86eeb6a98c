"""What `validate` found, in the forms that other programs read: GitHub annotations, SARIF, JUnit XML and GitLab's code quality."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from graphrun.codes import catalogue
from graphrun.errors import Diagnostic, GraphrunError

__all__ = ["FORMATS", "fingerprint", "github", "gitlab", "junit", "sarif", "tests_junit"]

SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

_NOT_XML = "[^\t\n\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"

Found = Mapping[str, Sequence[Diagnostic]]
"""File as it was named → what was found in it, files without any among them."""


def github(found: Found) -> str:
    """Workflow commands, which GitHub shows as annotations in the lines of a pull request."""
    return "".join(_command(path, d) + "\n" for path, diagnostics in found.items() for d in diagnostics)


def _command(path: str, d: Diagnostic) -> str:
    file, place = _file(path, d), d.place
    where = {"file": file}
    if place is not None:
        where |= {"line": str(place.line), "endLine": str(place.end_line), "col": str(place.column)}
        if place.end_line == place.line:
            where["endColumn"] = str(max(place.column, place.end_column - 1))
    where["title"] = d.code
    properties = ",".join(f"{key}={_property(value)}" for key, value in where.items())
    return f"::{d.severity} {properties}::{_data(_words(d))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def sarif(found: Found) -> str:
    """SARIF 2.1.0, which code scanning services read."""
    everything = [(path, d) for path, diagnostics in found.items() for d in diagnostics]
    documented = catalogue()
    codes = sorted({d.code for _, d in everything})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": _sentence(documented.get(code, code))},
            "fullDescription": {"text": " ".join(documented.get(code, code).split())},
        }
        for code in codes
    ]
    marks = fingerprints(everything)
    results = [_result(path, d, codes.index(d.code), mark) for (path, d), mark in zip(everything, marks, strict=True)]
    driver = {"name": "graphrun", "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return _json({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _result(path: str, d: Diagnostic, rule: int, mark: str) -> dict[str, Any]:
    region = {}
    if d.place is not None:
        p = d.place
        region = {"region": {"startLine": p.line, "startColumn": p.column, "endLine": p.end_line, "endColumn": p.end_column}}
    location = {"physicalLocation": {"artifactLocation": {"uri": quote(_file(path, d), errors="surrogateescape")}, **region}}
    return {
        "ruleId": d.code,
        "ruleIndex": rule,
        "level": d.severity,
        "message": {"text": _words(d)},
        "locations": [location],
        "partialFingerprints": {"graphrun/v1": mark},
    }


def junit(found: Found) -> str:
    """JUnit XML: a test case for each file, which fails where it has an error. Warnings are printed by it."""
    failed = sum(_has_errors(diagnostics) for diagnostics in found.values())
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="graphrun validate" tests="{len(found)}" failures="{failed}">']
    lines.append(f'  <testsuite name="graphrun validate" tests="{len(found)}" failures="{failed}" errors="0" skipped="0">')
    for path, diagnostics in found.items():
        case = f"    <testcase classname={_attribute('graphrun.validate')} name={_attribute(_posix(path))} file={_attribute(_posix(path))}"
        if not diagnostics:
            lines.append(case + "/>")
            continue
        lines.append(case + ">")
        errors = [d for d in diagnostics if d.severity == "error"]
        if errors:
            text = _text("\n\n".join(d.to_text() for d in errors))
            first = errors[0]
            lines.append(f"      <failure type={_attribute(first.code)} message={_attribute(first.message)}>{text}</failure>")
        warnings = [d.to_text() for d in diagnostics if d.severity == "warning"]
        if warnings:
            lines.append(f"      <system-out>{_text(chr(10).join(warnings))}</system-out>")
        lines.append("    </testcase>")
    return "\n".join([*lines, "  </testsuite>", "</testsuites>"]) + "\n"


def tests_junit(outcomes: Sequence[tuple[str, Sequence[tuple[str, str | None]], GraphrunError | None]]) -> str:
    """JUnit XML of `graphrun test`: a suite for each file, a case for each expectation (its title, and its failure or None)."""
    total = sum(len(cases) + (error is not None) for _, cases, error in outcomes)
    failed = sum(sum(f is not None for _, f in cases) + (error is not None) for _, cases, error in outcomes)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<testsuites name="graphrun test" tests="{total}" failures="{failed}">']
    for path, cases, error in outcomes:
        found = [*cases, *([("the spec", "\n\n".join(d.to_text() for d in error.diagnostics))] if error is not None else [])]
        bad = sum(failure is not None for _, failure in found)
        lines.append(f'  <testsuite name={_attribute(_posix(path))} tests="{len(found)}" failures="{bad}" errors="0" skipped="0">')
        for title, failure in found:
            case = f"    <testcase classname={_attribute(_posix(path))} name={_attribute(title)}"
            if failure is None:
                lines.append(case + "/>")
            else:
                message = _attribute(failure.strip().partition("\n")[0])
                lines.append(f"{case}><failure message={message}>{_text(failure.strip())}</failure></testcase>")
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>"]) + "\n"


def _has_errors(diagnostics: Sequence[Diagnostic]) -> bool:
    return any(d.severity == "error" for d in diagnostics)


def gitlab(found: Found) -> str:
    """GitLab's code quality report."""
    everything = [(path, d) for path, diagnostics in found.items() for d in diagnostics]
    entries = []
    for (path, d), mark in zip(everything, fingerprints(everything), strict=True):
        lines = {"begin": d.place.line, "end": d.place.end_line} if d.place is not None else {"begin": 1}
        entries.append(
            {
                "description": _words(d),
                "check_name": d.code,
                "fingerprint": mark,
                "severity": "major" if d.severity == "error" else "minor",
                "location": {"path": _file(path, d), "lines": lines},
            }
        )
    return _json(entries)


FORMATS: dict[str, Callable[[Found], str]] = {"github": github, "sarif": sarif, "junit": junit, "gitlab": gitlab}


def fingerprint(path: str, d: Diagnostic) -> str:
    """What tells one fault from another and stays as it is when lines move: file, code, message and the text that is underlined."""
    marked = ""
    if d.place is not None:
        line = d.place.source.line(d.place.line)
        marked = line[d.place.column - 1 : d.place.end_column - 1 if d.place.end_line == d.place.line else None]
    message = re.sub(r"\bline \d+", "line", d.message)
    return _digest(_file(path, d), d.code, message, marked)


def fingerprints(found: Sequence[tuple[str, Diagnostic]]) -> list[str]:
    """The fingerprint of each fault, no two alike: equal ones of a file are told apart by their order."""
    seen: Counter[str] = Counter()
    out = []
    for path, d in found:
        mark = fingerprint(path, d)
        out.append(_digest(mark, str(seen[mark])) if seen[mark] else mark)
        seen[mark] += 1
    return out


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _file(path: str, d: Diagnostic) -> str:
    return _posix(d.place.source.name if d.place is not None else path)


def _posix(path: str) -> str:
    try:
        near = os.path.relpath(path)
    except ValueError:  # on another drive
        near = path
    return PurePath(path if near.startswith("..") else near).as_posix()


def _words(d: Diagnostic) -> str:
    return "\n".join([d.message, *d.notes, *([f"help: {d.help}"] if d.help is not None else [])])


def _sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def _json(document: Any) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def _attribute(text: str) -> str:
    from xml.sax.saxutils import quoteattr  # brings HTTP and TLS with it, which the other forms need not wait for

    return quoteattr(_clean(text))


def _text(text: str) -> str:
    from xml.sax.saxutils import escape

    return escape(_clean(text))


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return re.sub(_NOT_XML, "\ufffd", text)
