"""The traps that YAML sets for formulas, and malformed YAML: what is wrong, and the line as it should be written."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from graphrun.errors import nearest
from graphrun.spec.flow import Entry, quote_end, read_flow
from graphrun.spec.written import Written, colon_at, comment_at, entry_at, formula_of, line_at

__all__ = ["Trap", "comment", "cut_key", "diagnose", "in_flow", "quoted", "tagged", "unfinished", "unknown_alias", "unused_anchor"]

_SHOWN = 88  # a longer line is not repeated whole in a help
_UNFINISHED = tuple("+-*/^@<>=,([{")


@dataclass(frozen=True, slots=True)
class Trap:
    """A fault and the stretch of text to pass over so that the rest can be read (None: the rest cannot be read).

    `change` is a stretch and the text that mends the fault in its place, where that is certain.
    """

    code: str
    message: str
    start: int
    end: int
    blank: tuple[int, int] | None
    help: str | None = None
    notes: tuple[str, ...] = ()
    change: tuple[int, int, str] | None = None


# -- writing lines as they should be ------------------------------------------------------------------------------------------


def quoted(text: str) -> str:
    """`text` as a quoted YAML scalar of one line."""
    text = " ".join(text.split())
    return f'"{text}"' if '"' not in text and "\\" not in text else "'" + text.replace("'", "''") + "'"


def _shown(text: str) -> str:
    text = " ".join(text.split())
    return f"`{text}`" if len(text) <= 48 else f"`{text[:47]}…`"


def _mended(text: str, changes: Sequence[tuple[int, int, str]]) -> str:
    """The line with some stretches replaced, in back quotes; only the first replacement where the line is long."""
    begin, end = line_at(text, changes[0][0])[0], line_at(text, changes[-1][1])[1]
    out, at = "", begin
    for start, stop, new in changes:
        out += text[at:start] + new
        at = stop
    out = (out + text[at:end]).strip()
    return f"`{out}`" if len(out) <= _SHOWN and "\n" not in out else f"`{changes[0][2]}`"


# -- traps --------------------------------------------------------------------------------------------------------------------

_BEGINS = {
    "[": "YAML takes the `[` at the beginning of the formula for a list",
    "{": "YAML takes the `{` at the beginning of the formula for a mapping",
    "*": "YAML takes the `*` at the beginning of the formula for an alias",
    "&": "YAML takes the `&` at the beginning of the formula for an anchor",
    "!": "YAML takes the `!` at the beginning of the formula for a tag",
    "|": "YAML takes the `|` at the beginning of the formula for a block of text",
    ">": "YAML takes the `>` at the beginning of the formula for a block of text",
    "'": "YAML takes the quote at the beginning of the formula for the beginning of a text",
    '"': "YAML takes the quote at the beginning of the formula for the beginning of a text",
    "%": "YAML lets no value begin with `%`",
    "@": "YAML lets no value begin with `@`",
    "`": "YAML lets no value begin with a back quote",
    "-": "YAML takes `- ` at the beginning of the formula for an entry of a list",
    "?": "YAML takes `? ` at the beginning of the formula for a key",
}
_CODE = "unquoted-formula"


def unfinished(value: str) -> bool:
    """Whether a bracket of a formula stays open or an operand is missing at its end."""
    return (
        value.endswith(_UNFINISHED)
        or ("(" in value and value.count("(") > value.count(")"))
        or ("[" in value and value.count("[") > value.count("]"))
    )


def comment(text: str, start: int, end: int) -> list[Trap]:
    """The trap of ` #` right after a formula that is not whole; nothing where no comment follows, or one that does not end the formula."""
    line_end = line_at(text, end)[1]
    found = re.compile(r"[ \t]+#").match(text, end, line_end)
    if found is None:
        return []
    entry = entry_at(text, start)
    stop = entry.end if entry is not None and entry.value == start else line_end
    if stop > line_end:  # the formula goes on below the comment
        return _comment_inside(text, start, stop)
    whole = text[start:line_end]
    if unfinished(whole) or all(text[start:end].count(a) == text[start:end].count(b) for a, b in ("()", "[]")):
        return []
    mend = f"quote the formula: {_mended(text, [(start, line_end, quoted(whole))])}\nor end it before the comment"
    message = f"YAML takes what follows ` #` for a comment, and {_shown(text[start:end])} is not a whole formula"
    return [Trap(_CODE, message, start, end, (start, stop), mend)]


def _comment_inside(text: str, start: int, stop: int) -> list[Trap]:
    at = start
    while at < stop:
        end = min(line_at(text, at)[1], stop)
        cut = at + comment_at(text[at:end])
        if cut < end:
            lines = [part[: comment_at(part)].strip() for part in text[start:stop].split("\n")]
            whole = " ".join(part for part in lines if part)
            key = text[line_at(text, start)[0] : start].strip()
            mend = f"write the comment on a line of its own above: {_mended(f'{key} {whole}', [(0, 0, '')])}"
            return [Trap(_CODE, "a comment ends the formula, which goes on in the next line", cut, end, (start, stop), mend)]
        at = end + 1
    return []


_OPEN = ("open", "quote")
_CUTS = {
    "comma": "YAML ends the formula {0} at its comma, as it stands inside `{1}`",
    "bracket": "YAML takes the bracket in the formula {0} for a list or mapping, as it stands inside `{1}`",
    "colon": "YAML takes the `: ` in the formula {0} for the end of a key",
    "comment": "YAML takes the ` #` in the formula {0} for the beginning of a comment",
}


def in_flow(text: str, start: int) -> list[Trap]:
    """The traps inside the collection that begins at `start`."""
    flow = read_flow(text, start)
    wrong = [e for e in flow.entries if e.fault is not None]
    changes = [(e.start, e.end, quoted(text[e.start : e.end])) for e in wrong if e.fault not in _OPEN]
    out = []
    for e in wrong:
        if e.fault in _OPEN:
            out.append(_open(text, e))
            continue
        pair = "{…}" if e.inside == "{" else "[…]"
        first = text[e.start]
        message = _CUTS[e.fault].format(_shown(text[e.start : e.end]), pair) if e.fault in _CUTS else _BEGINS[first]
        line = line_at(text, e.start)
        mend = "quote the formula: " + _mended(text, [c for c in changes if line[0] <= c[0] and c[1] <= line[1]] or [changes[0]])
        if e.fault in {"comma", "bracket"} and text[flow.opener : flow.opener + 1] == "{":
            mend += "\nor give each entry a line of its own"
        new = quoted(text[e.start : e.end])
        if re.fullmatch(r"\([^()\[\]]*\)", text[e.start : e.end]):  # a list as Python writes a tuple
            new = f"[{text[e.start + 1 : e.end - 1].strip().rstrip(',')}]"
            mend = f"a list stands in `[…]`: `{new}`"
        joined = re.fullmatch(r"([^:]*[\w)\]])\s+[A-Za-z_]\w*: .*", new[1:-1]) if e.fault == "colon" else None
        if joined is not None and joined[1].count("(") == joined[1].count(")"):
            at = e.start + len(joined[1])
            mend = f"write {_mended(text, [(at, at, ',')])}"
            out.append(Trap("malformed-yaml", f"a comma is missing after {_shown(joined[1])}", e.start, e.end, (e.start, e.end), mend))
            continue
        out.append(Trap(_CODE, message, e.start, e.end, (e.start, e.end), mend, change=(e.start, e.end, new)))
    if flow.end is None and not any(e.fault in _OPEN for e in wrong):
        bracket = text[flow.opener]
        closer = "]" if bracket == "[" else "}"
        out.append(
            Trap("unbalanced-bracket", f"`{bracket}` is never closed", flow.opener, flow.opener + 1, (start, flow.stop), f"add `{closer}`")
        )
    return out


def _open(text: str, e: Entry) -> Trap:
    if e.fault == "quote":
        return Trap(
            "unbalanced-bracket", f"the quote `{text[e.start]}` is never closed", e.start, e.end, (e.start, e.end), f"add `{text[e.start]}`"
        )
    depth: list[int] = []
    for k in range(e.start, e.end):
        if text[k] in "([":
            depth.append(k)
        elif text[k] in ")]" and depth:
            depth.pop()
    at = depth[-1] if depth else e.start
    message = f"`{text[at]}` is never closed in the formula {_shown(text[e.start : e.end])}"
    return Trap("unbalanced-bracket", message, at, at + 1, (e.start, e.end), f"add `{')' if text[at] == '(' else ']'}`")


def unknown_alias(text: str, name: str, start: int, end: int) -> list[Trap]:
    """`*name` where no anchor `&name` stands before it."""
    entry = entry_at(text, start)
    stop = end
    if entry is not None and entry.value == start:
        stop = max(end, formula_of(text, entry)[0])
    message = f"{_BEGINS['*']}, and there is no anchor `&{name}` before it"
    mend = f"quote the formula: {_mended(text, [(start, stop, quoted(text[start:stop]))])}"
    code = "wrong-alias" if stop == end else _CODE
    near = nearest(name, re.findall(r"(?<![^\s\[{,:])&(\w+)", text[:start])) if stop == end else None
    if near is not None:
        return [Trap(code, message, start, stop, (start, stop), f"did you mean `*{near}`?")]
    return [Trap(code, message, start, stop, (start, stop), mend, change=(start, stop, quoted(text[start:stop])))]


def unused_anchor(text: str, name: str, start: int, end: int) -> list[Trap]:
    """An anchor on a scalar that no alias repeats."""
    mend = f"quote the formula: {_mended(text, [(start, end, quoted(text[start:end]))])}\nor leave `&{name}` out"
    return [Trap(_CODE, f"{_BEGINS['&']}, and no alias `*{name}` repeats it", start, end, (start, end), mend)]


def cut_key(text: str, start: int) -> list[Trap]:
    """The trap of `: ` in a formula on the line below its name: `x[0: 2]` read as the key `x[0`."""
    line = text[start : line_at(text, start)[1]]
    if any(line.count(a) != line.count(b) for a, b in ("()", "[]")):
        return []
    entry = entry_at(text, start)
    trap = _in_entry(text, entry) if entry is not None else None
    return [] if trap is None else [trap]


def tagged(text: str, start: int, end: int, *, scalar: bool) -> list[Trap]:
    """A tag: `!!float 3`, `!x`."""
    found = re.compile(r"(?:&\S+\s+)?(!\S*)").match(text, start)
    at, stop = found.span(1) if found else (start, end)
    tag = text[at:stop]
    rest = text[stop:end]
    message = f"{_shown(tag)} is a tag, and the language has none"
    if scalar and not tag.startswith("!!") and "\n" not in text[start:end]:
        change = (at, end, quoted(text[at:end]))
        return [Trap("yaml-tag", message, at, stop, (start, end), f"quote the formula: {_mended(text, [change])}", change=change)]
    mend = f"leave it out: {_mended(text, [(at, end, rest.strip())])}" if scalar else "leave it out"
    return [Trap("yaml-tag", message, at, stop, (at, end) if scalar else None, mend)]


# -- malformed YAML -----------------------------------------------------------------------------------------------------------


def diagnose(text: str, at: int, context: int | None, flow: int | None, problem: str) -> list[Trap]:
    """What is wrong where YAML stopped at offset `at`; `flow` is where the outermost open collection begins."""
    at = min(at, len(text))
    if flow is not None:
        found = in_flow(text, flow)
        if found:
            return found
    begin = line_at(text, at)[0]
    lead = re.compile(r"[ \t]*").match(text, begin)
    if "\t" in text[begin : lead.end() if lead else begin] and flow is None:
        return [_tabs(text, begin)]
    if context is not None and text[context : context + 1] == '"' and ("escape" in problem or "hex" in problem):
        return [_escape(text, at, context)]
    for offset in dict.fromkeys((at, context if context is not None else at)):
        entry = entry_at(text, min(offset, max(len(text) - 1, 0)))
        trap = _in_entry(text, entry) if entry is not None else None
        if trap is not None:
            return [trap]
    return [_unclosed_quote(text, at) or _layout(text, at)]


def _escape(text: str, at: int, start: int) -> Trap:
    """A backslash between double quotes, which begin at `start`, that begins no escape."""
    slash = max(text.rfind("\\", start, at + 1), start)
    stop = slash + 2
    close = quote_end(text, start) or stop
    raw = text[start:close]
    mend = None
    if "'" not in raw:
        mend = f"between single quotes a backslash is a backslash: {_mended(text, [(start, close, raw.replace(chr(34), chr(39)))])}"
    return Trap(
        "malformed-yaml",
        f"{_shown(text[slash:stop])} begins no escape that YAML has between double quotes",
        slash,
        stop,
        (start, close),
        mend,
    )


def _tabs(text: str, begin: int) -> Trap:
    lines = [k for k, line in enumerate(text.split("\n"), 1) if re.match(r" *\t[ \t]*[^\s#]", line)]
    here = text.count("\n", 0, begin) + 1
    others = [k for k in lines if k != here]
    notes = (
        (f"also in line{'s' if len(others) > 1 else ''} {', '.join(map(str, others[:8]))}{' …' if len(others) > 8 else ''}",)
        if others
        else ()
    )
    start = text.index("\t", begin)
    size = len(re.match(r"\t+", text[start:]).group())  # type: ignore[union-attr]
    return Trap("malformed-yaml", "a line is indented with a tab", start, start + size, None, "indent with spaces", notes)


def _in_entry(text: str, entry: Written) -> Trap | None:
    """The trap that the formula of an entry falls into."""
    start = entry.value
    if start >= entry.first_end:  # the value begins on the next line
        inner = line_at(text, entry.first_end + 1)
        body = text[inner[0] : inner[1]]
        if entry.end == entry.first_end or colon_at(body, len(body) - len(body.lstrip())) is not None or body.lstrip()[:2] in {"- ", "-"}:
            return None
        start = inner[0] + len(body) - len(body.lstrip())
        entry = Written(entry.indent, entry.key, start, inner[1], entry.end)
    stop, formula = formula_of(text, entry)
    first = text[start : start + 1]
    blank = (start, max(entry.end, start + 1))
    mend = f"quote the formula: {_mended(text, [(start, stop, quoted(formula))])}"
    begins = _BEGINS.get(first)
    if first in {"-", "?"} and text[start + 1 : start + 2] not in {" ", "\t"}:
        begins = None
    if first in {"[", "{"}:
        flow = read_flow(text, start)
        if flow.end is None or not text[flow.end : stop].strip():
            return None
    elif first in {"'", '"'}:
        close = quote_end(text, start)
        if close is None or "\n" in text[start:close]:
            return _unclosed_quote(text, start)
        if not text[close:stop].strip():
            return None
    if begins is not None and formula:
        return Trap(_CODE, begins, start, stop, blank, mend, change=(start, stop, quoted(formula)))
    if re.search(r":(?=[ \t])", formula) or formula.endswith(":"):
        at = next((m.start() for m in re.compile(r":(?=[ \t\r\n]|$)").finditer(text, start, stop)), start)
        message = f"YAML takes the `: ` in the formula {_shown(formula)} for the end of a key"
        return _colon(text, formula, (start, stop), entry) or Trap(
            _CODE, message, at, at + 1, blank, mend, change=(start, stop, quoted(formula))
        )
    inside = _comment_inside(text, start, entry.end) if entry.end > entry.first_end else []
    return inside[0] if inside else None


_SECTIONS = frozenset({"config", "inputs", "params", "state", "functions", "optimizers", "nodes", "metrics", "data", "train", "diagram"})


def _colon(text: str, formula: str, span: tuple[int, int], entry: Written) -> Trap | None:
    """A `: ` that is no part of a formula: a mapping on the line of its key, for the `=` of an argument, or after a statement's word."""
    start, stop = span
    blank = (start, max(entry.end, start + 1))
    key = text[entry.key : start].partition(":")[0].strip()
    argument = re.fullmatch(r"(\w[\w.]*\(.*?\b[A-Za-z_]\w*) *: +([^:]*\).*)", formula)
    if key in _SECTIONS and entry.indent == 0 and re.match(r"[A-Za-z_]\w*: ", formula):
        mend = _mended(text, [(start, stop, f"{{{formula}}}")])
        message = f"`{key}` is a mapping, and its first entry stands on the line of its key"
        return Trap("malformed-yaml", message, start, stop, blank, f"put brackets around it, or give each entry a line of its own: {mend}")
    if argument is not None and argument[1].count("(") > argument[1].count(")") and "[" not in formula:
        new = f"{argument[1]}={argument[2]}"
        message = f"an argument is given with `=`, and YAML takes the `: ` in {_shown(formula)} for the end of a key"
        return Trap(_CODE, message, start, stop, blank, f"write {_mended(text, [(start, stop, new)])}", change=(start, stop, new))
    if re.match(r"(if|lambda|def|for|while)\b", formula):
        word = re.split(r"[\s:]", formula, maxsplit=1)[0]
        known = {"if": "a choice is written `a if c else b`, of values `where(c, a, b)`"}.get(word)
        mend = known or "a function has a line of its own under `functions`: `f(x): x^2`; `repeat` and `scan` are the loops"
        return Trap("formula-syntax", f"`{word}` begins a statement, and a formula has none", start, start + len(word), blank, mend)
    return None


def _unclosed_quote(text: str, at: int) -> Trap | None:
    """A quote at the beginning of a value at or above `at` that is not closed on its line."""
    begin, end = line_at(text, min(at, max(len(text) - 1, 0)))
    for _ in range(40):
        colon = colon_at(text[begin:end], len(text[begin:end]) - len(text[begin:end].lstrip()))
        if colon is not None:
            start = begin + colon + 1
            start += len(text[start:end]) - len(text[start:end].lstrip())
            if text[start : start + 1] in {"'", '"'} and quote_end(text[:end], start) is None:
                mend = f"close it: {_mended(text, [(start, end, text[start:end].rstrip() + text[start])])}"
                return Trap("unbalanced-bracket", f"the quote `{text[start]}` is never closed", start, end, (start, end), mend)
        if begin == 0:
            break
        begin, end = line_at(text, begin - 1)
    return None


def _as_entry(line: str) -> str:
    """How to write a line as a key with a value."""
    body = line[: comment_at(line)].strip()
    glued = re.fullmatch(r"([A-Za-z_]\w*(?:\([^()]*\))?)(?:\s*(?::|=(?!=))\s*|\s+)(\S.*)", body)
    if glued:
        return f"write `{glued[1]}: {glued[2]}`"
    return f"write `{body}:`" if re.fullmatch(r"[A-Za-z_]\w*", body) else "write `key: value`"


def _layout(text: str, at: int) -> Trap:
    """A line that does not fit the lines above it."""
    begin, end = line_at(text, at)
    if not text[begin:end].strip() and begin:  # the end of the text: the last line that says something
        begin, end = line_at(text, len(text[:begin].rstrip()))
    line = text[begin:end]
    indent = len(line) - len(line.lstrip(" "))
    start, stop = begin + indent, begin + len(line.rstrip())
    above_begin, above_end = begin, begin
    above = ""
    while above_begin > 0:
        above_begin, above_end = line_at(text, above_begin - 1)
        above = text[above_begin:above_end]
        if above.strip() and above.lstrip()[0] != "#":
            break
    above_indent = len(above) - len(above.lstrip(" "))
    top = above_begin + above_indent
    if above.strip() and colon_at(above, above_indent) is None and not above.lstrip().startswith("- "):
        mend = _as_entry(above)
        where = above_begin + len(above[: comment_at(above)].rstrip())
        above = above[: comment_at(above)]
        return Trap("malformed-yaml", f"{_shown(above)} is not a key with a value", top, where, None, mend)
    if line.lstrip().startswith(":"):
        return Trap("malformed-yaml", "a key is missing before `:`", start, stop, None, "lines are `key: value`")
    if colon_at(line, indent) is None and not line.lstrip().startswith("- "):
        mend = _as_entry(line)
        body = line[: comment_at(line)].rstrip()
        return Trap("malformed-yaml", f"{_shown(body)} is not a key with a value", start, begin + len(body), None, mend)
    if indent > above_indent:
        message = "this line is indented more deeply than the one above, which has a value already"
        return Trap("malformed-yaml", message, start, stop, None, f"indent it by {above_indent}, as the line above")
    if indent < above_indent:
        widths = sorted({len(x) - len(x.lstrip(" ")) for x in text[:begin].split("\n") if x.strip() and x.lstrip()[0] != "#"})
        fits = [w for w in widths if w < above_indent] + [above_indent]
        message = f"this line is indented by {indent}, and no line above begins there"
        return Trap("malformed-yaml", message, start, stop, None, f"indent it by {' or '.join(map(str, fits[-2:]))}")
    if above.lstrip().startswith("- ") and indent == above_indent and not line.lstrip().startswith("- "):
        number = text.count("\n", 0, above_begin) + 1
        message = f"line {number} begins with `- `, which makes a list, and this line does not"
        mend = f"leave the `- ` of line {number} out, or write it here too"
        return Trap("malformed-yaml", message, start, max(stop, start + 1), None, mend)
    return Trap(
        "malformed-yaml", "this line does not fit what stands above it", start, max(stop, start + 1), None, "lines are `key: value`"
    )
