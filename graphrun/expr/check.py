"""The grammar of formulas, as an automaton over tokens: it finds the first fault and says how to mend it.

What passes has exactly the forms of the language, so that Python's parser, which gives it its tree, never meets anything else.
"""

from __future__ import annotations

from typing import NoReturn

from graphrun.expr.elsewhere import CALLED, MODULES, of_module
from graphrun.expr.lexer import LITERALS, FormulaError, Tokens, mended

__all__ = ["ARITHMETIC", "COMPARISONS", "LEAVES", "check"]

LEAVES = frozenset({"name", "number", "string"}) | LITERALS
COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})
ARITHMETIC = frozenset({"+", "-", "*", "/", "@", "^"})
MAX_DEPTH = 100
_BEFORE_NOT = frozenset({"(", "[", ",", "=", ":", "and", "or", "not", "if", "else", None})
_INDEXED = frozenset({"name", ")", "]", ".T"})
_CLOSER = {"group": ")", "call": ")", "list": "]", "index": "]"}


class _Frame:
    """What stands between two brackets (or the whole formula), and how far its current entry has come."""

    __slots__ = ("choice", "colons", "compared", "elses", "entry", "keyword", "keywords", "kind", "opener", "piped", "start", "tight")

    def __init__(self, kind: str, opener: int) -> None:
        self.kind = kind  # top, group, call, list or index
        self.opener = opener
        self.keywords: dict[str, int] = {}
        self.begin(opener + 1)

    def begin(self, k: int) -> None:
        """A new entry begins with token k."""
        self.entry = k
        self.keyword = -1
        self.colons = 0
        self.restart(k)

    def restart(self, k: int) -> None:
        """A new expression begins with token k."""
        self.choice = -1
        self.elses = 0
        self.compared = -1
        self.loosen(k)

    def loosen(self, k: int) -> None:
        """An operand of a comparison, `and`, `or` or a choice begins with token k."""
        self.piped = -1
        self.start = k
        self.tight = 0


def check(tokens: Tokens) -> None:
    """Raises FormulaError with the first fault of the grammar."""
    checker = _Checker(tokens)
    if not tokens.kinds:
        raise FormulaError("the formula is empty", 0, len(tokens.text), help="write a value, such as `0` or the name of a node")
    for k in range(len(tokens.kinds)):
        if checker.wants_value:
            checker.value(k)
        else:
            checker.operator(k)
    checker.finish()


class _Checker:
    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.kinds = tokens.kinds
        self.shown = tokens.shown
        self.fail = tokens.fail
        self.frames = [_Frame("top", -1)]
        self.wants_value = True

    # -- helpers ----------------------------------------------------------------------------------------------------

    def kind(self, k: int) -> str | None:
        return self.kinds[k] if 0 <= k < len(self.kinds) else None

    def mended(self, start: int, end: int, replacement: str) -> str | None:
        return mended(self.tokens.text, start, end, replacement)

    def push(self, kind: str, k: int) -> None:
        if len(self.frames) > MAX_DEPTH:
            self.too_deep(k)
        self.frames.append(_Frame(kind, k))
        self.wants_value = True

    def too_deep(self, k: int) -> NoReturn:
        self.fail(f"the formula is nested more than {MAX_DEPTH} deep", k, help="give inner parts names of their own under `nodes`")

    def tighten(self, k: int) -> None:
        frame = self.frames[-1]
        frame.tight += 1
        if frame.tight > MAX_DEPTH:
            self.too_deep(k)

    # -- where a value is wanted ----------------------------------------------------------------------------------------

    def value(self, k: int) -> None:
        kind, frame = self.kinds[k], self.frames[-1]
        if kind in LEAVES:
            self.wants_value = False
        elif kind == "(":
            self.first_of_entry(k, frame)
            self.push("group", k)
            return
        elif kind == "[":
            self.first_of_entry(k, frame)
            self.push("list", k)
            return
        elif kind == "-" or kind == "not":
            if kind == "not" and self.kind(k - 1) not in _BEFORE_NOT:
                self.fail(f"`not` cannot stand after {self.shown(k - 1)}", k, help="put brackets around it: `(not a)`")
            self.tighten(k)
        elif kind == "...":
            if frame.kind != "index" or k != frame.entry or self.kind(k + 1) not in {",", "]"}:
                self.fail(
                    "`...` stands only in an index, as an entry of its own", k, help="as in `x[..., 0]`: all the dimensions before the last"
                )
            self.wants_value = False
        elif kind == ")" or kind == "]":
            self.close(k, empty=True)
            return
        elif kind == ":" and self.kind(k - 1) in {"[", ",", ":", "(", None}:
            self.colon(k, frame)
            return
        elif kind == "," and frame.kind == "index" and self.kind(k - 1) == ":":
            frame.begin(k + 1)
            return
        else:
            self.missing_value(k)
        self.first_of_entry(k, frame)

    def first_of_entry(self, k: int, frame: _Frame) -> None:
        if k != frame.entry or frame.kind != "call":
            return
        if self.kinds[k] == "name" and self.kind(k + 1) == "=":
            name = self.tokens.source(k)
            if "." in name:
                self.fail(f"an argument's name has no dots: `{name}`", k, help="write the argument's name as the function's head gives it")
            if name in frame.keywords:
                self.fail(f"the argument `{name}` is given twice", k, help="leave one of them out")
            frame.keywords[name] = k
            frame.keyword = k
        elif frame.keywords:
            last = next(reversed(frame.keywords))
            mend = "arguments with names come last"
            if self.decimal_comma(k - 1):
                line = self.mended(self.tokens.starts[k - 1], self.tokens.ends[k - 1], ".")
                mend = f"a decimal number has a point: {line}" if line else "a decimal number has a point"
            self.fail(f"an argument without a name stands after `{last}=`", k, help=mend)

    def missing_value(self, k: int) -> NoReturn:
        kind, frame, before = self.kinds[k], self.frames[-1], self.kind(k - 1)
        t = self.tokens
        if kind == "+" and self.kind(k + 1) is not None:
            line = self.mended(t.starts[k], t.starts[k + 1], "")
            self.fail(
                "there is no `+` before a value, only `-`",
                k,
                help=f"leave it out: {line}" if line else "leave it out",
                code="unknown-operator",
            )
        if frame.kind == "call" and k == frame.entry and kind in {"*", "^"}:
            self.fail(
                f"{self.shown(k)} before an argument is not part of the language",
                k,
                help="write the arguments one by one",
                code="unknown-operator",
            )
        if kind == "=" and before in COMPARISONS | {"="}:
            self.fail(
                f"{self.shown(k - 1)} and `=` do not belong together",
                k - 1,
                k,
                help="comparisons are `<`, `<=`, `>`, `>=`, `==` and `!=`",
                code="unknown-operator",
            )
        if before is None:
            self.fail(f"a value is missing before {self.shown(k)}", k, help=_missing_help(kind))
        self.fail(f"a value is missing between {self.shown(k - 1)} and {self.shown(k)}", k - 1, k, help=_missing_help(before))

    # -- where an operator is wanted -----------------------------------------------------------------------------------

    def operator(self, k: int) -> None:
        kind, frame = self.kinds[k], self.frames[-1]
        if kind in ARITHMETIC:
            if frame.piped >= 0:
                self.tighter_than_arrow(k, frame)
            if kind == "^":
                self.tighten(k)
            else:
                frame.tight = 0
        elif kind == "(":
            self.call(k)
            return
        elif kind == "[" or kind == ".T":
            if self.kinds[k - 1] not in _INDEXED:
                self.missing_operator(k)
            self.tighten(k)
            if kind == "[":
                self.push("index", k)
            return
        elif kind == ")" or kind == "]":
            self.close(k, empty=False)
            return
        elif kind == ",":
            self.comma(k, frame)
        elif kind in COMPARISONS:
            if frame.compared >= 0:
                self.chained(k, frame)
            frame.loosen(k + 1)
            frame.compared = k
        elif kind == "->":
            self.arrow(k, frame)
        elif kind == "and" or kind == "or":
            frame.compared = -1
            frame.loosen(k + 1)
        elif kind == "if" or kind == "else":
            self.choice(k, frame)
        elif kind == ":":
            self.colon(k, frame)
        elif kind == "=":
            self.equals(k, frame)
        else:
            self.missing_operator(k)
        self.wants_value = True

    def call(self, k: int) -> None:
        before = self.kinds[k - 1]
        if before == "name":
            name = self.tokens.source(k - 1)
            if "." in name:
                node, *_, last = name.split(".")
                again = f"to use the layer of `{node}` again, write `share({node})`"
                self.fail(
                    f"`{name}` cannot be called: only a function's name can",
                    k - 1,
                    help=of_module(last) if node in MODULES else again if last.isdigit() else f"write `{last}({node})`, or {again}",
                )
            self.tighten(k)
            self.push("call", k)
        elif before in _INDEXED:
            self.fail(
                "only a function's name can be called, not a result",
                k,
                help="a product is written with `*`; a result is passed on with `->`",
            )
        else:
            self.missing_operator(k)

    def tighter_than_arrow(self, k: int, frame: _Frame) -> NoReturn:
        t = self.tokens
        start, end = t.starts[frame.start], t.ends[k - 1]
        line = self.mended(start, end, f"({t.text[start:end]})")
        self.fail(
            f"right of `->` stands a function or a call, and {self.shown(k)} binds tighter than `->`",
            frame.piped + 1,
            k,
            help=f"put brackets around the chain: {line}" if line else "put brackets around the chain",
        )

    def arrow(self, k: int, frame: _Frame) -> None:
        after = self.kind(k + 1)
        if after is None:
            self.fail("the formula ends after `->`: a function is missing", k, help="as in `x -> dense(8)`")
        name = self.tokens.source(k + 1)
        if after != "name" or "." in name:
            what = self.shown(k + 1)
            mend = "as in `x -> relu` or `x -> dense(8)`"
            if after == "(":
                mend = "write the function without brackets around it: " + mend
            elif "." in name and after == "name":
                node, last = name.split(".")[0], name.rsplit(".", 1)[-1]
                mend = of_module(last) if node in MODULES else f"to use the layer of `{node}` again, write `-> share({node})`"
            self.fail(f"right of `->` stands a function or a call, not {what}", k + 1, help=mend)
        frame.piped = k
        frame.tight = 0

    def chained(self, k: int, frame: _Frame) -> NoReturn:
        self.fail(
            f"comparisons are not chained: {self.shown(frame.compared)} and {self.shown(k)}",
            frame.compared,
            k,
            help="compare twice: of values `logical_and(a < b, b < c)`, in a choice `a < b and b < c`",
        )

    def choice(self, k: int, frame: _Frame) -> None:
        if self.kinds[k] == "if":
            if frame.choice >= 0:
                self.fail("a second `if` before the `else` of the first", k, help="put brackets around the inner choice")
            frame.choice = k
        else:
            if frame.choice < 0:
                self.fail("`else` without an `if`", k, help="a choice is written `a if c else b`")
            frame.choice = -1
            frame.elses += 1
            if frame.elses > MAX_DEPTH:
                self.too_deep(k)
        frame.compared = -1
        frame.loosen(k + 1)

    def end_choice(self, frame: _Frame) -> None:
        if frame.choice >= 0:
            self.fail("this `if` has no `else`", frame.choice, help="a choice is written `a if c else b`")

    def comma(self, k: int, frame: _Frame) -> None:
        self.end_choice(frame)
        if frame.kind == "top" or frame.kind == "group":
            t = self.tokens
            mend = "a list of values is written `[a, b]`"
            if self.decimal_comma(k):
                line = self.mended(t.starts[k], t.ends[k], ".")
                self.fail(
                    "a comma stands only between arguments, in a list or in an index",
                    k,
                    help=f"a decimal number has a point: {line}" if line else "a decimal number has a point",
                )
            if frame.kind == "top" and len(self.frames) == 1:
                line = self.mended(0, len(t.text), f"[{t.text.strip()}]")
                mend = f"a list of values stands in brackets: {line}" if line else mend
            self.fail("a comma stands only between arguments, in a list or in an index", k, help=mend)
        frame.begin(k + 1)

    def decimal_comma(self, k: int) -> bool:
        """Whether the comma at k may be that of a number: `0,5`."""
        t = self.tokens
        return (
            self.kind(k - 1) == self.kind(k + 1) == "number" and t.ends[k - 1] == t.starts[k] and t.ends[k] == t.starts[k + 1]
        ) and t.source(k - 1).isdigit()

    def colon(self, k: int, frame: _Frame) -> None:
        if frame.kind != "index":
            self.fail("`:` stands only in an index", k, help="as in `x[1:3]`")
        self.end_choice(frame)
        frame.colons += 1
        if frame.colons > 2:
            self.fail("a range has at most three parts: `start:stop:step`", k, help="leave one out")
        frame.restart(k + 1)
        self.wants_value = True

    def equals(self, k: int, frame: _Frame) -> None:
        if frame.keyword == k - 1 and frame.kind == "call":
            frame.restart(k + 1)
            return
        line = self.mended(self.tokens.starts[k], self.tokens.ends[k], "==")
        mend = f"a comparison is written `==`: {line}" if line else "a comparison is written `==`"
        if frame.kind == "call":
            self.fail("left of `=` stands an argument's name and nothing else", k, help=mend)
        self.fail("`=` stands only before an argument that is given by name", k, help=mend)

    def close(self, k: int, *, empty: bool) -> None:
        kind, frame, before = self.kinds[k], self.frames[-1], self.kind(k - 1)
        if frame.kind == "top":
            line = self.mended(self.tokens.starts[k], self.tokens.ends[k], "") if not empty and k + 1 == len(self.kinds) else None
            self.fail(
                f"`{kind}` closes nothing",
                k,
                code="unbalanced-bracket",
                help=f"leave it out: {line}" if line else "leave it out, or open it earlier",
            )
        wanted = _CLOSER[frame.kind]
        if kind != wanted:
            opener = self.kinds[frame.opener]
            column = self.tokens.starts[frame.opener] + 1
            self.fail(
                f"`{kind}` stands where `{wanted}` should close `{opener}`",
                k,
                code="unbalanced-bracket",
                help=f"write `{wanted}` before it, or in its place",
                note=f"`{opener}` is character {column} of the formula",
            )
        if empty and not self.may_close(k, frame, before):
            if before == "(":
                self.fail("there is nothing between the brackets", k - 1, k, help="write a value between them")
            if before == "[" and frame.kind == "index":
                self.fail("the index is empty", k - 1, k, help="as in `x[0]` or `x[1:3]`")
            self.missing_value(k)
        self.end_choice(frame)
        self.frames.pop()
        self.wants_value = False

    def may_close(self, k: int, frame: _Frame, before: str | None) -> bool:
        if k - 1 == frame.opener:
            return frame.kind == "call" or frame.kind == "list"
        if before == ":":
            return frame.kind == "index"
        return before == ","

    def missing_operator(self, k: int) -> NoReturn:
        t, frame = self.tokens, self.frames[-1]
        if self.kinds[k] == ".T":
            self.fail(f"`.T` cannot stand after {self.shown(k - 1)}", k, help="`x.T` is the value x with its last two dimensions swapped")
        if self.kinds[k] == "not":
            self.fail(f"`not` cannot stand after {self.shown(k - 1)}", k, help="write `and not` or `or not`; inequality is `!=`")
        end, start = t.ends[k - 1], t.starts[k]
        mend = "write an operator between them"
        if frame.kind in {"call", "list"}:
            mend = "write a comma or an operator between them"
        elif k > 1 and self.kind(k + 1) == "=" and self.kinds[k - 1] == "name":  # `adam lr=0.1`
            mend = "the arguments of a call stand in brackets"
        elif k == 1 and self.kind(k + 1) == "=" and self.kinds[0] == "name":
            line = self.mended(0, len(t.text), f"{t.text[:end]}({t.text[start:].strip()})")
            mend = f"the arguments of a call stand in brackets: {line}" if line else "the arguments of a call stand in brackets"
        elif t.source(k - 1) in CALLED:
            line = self.mended(end, t.ends[k], f"({t.source(k)})")
            mend = f"a call has brackets: {line}" if line else "a call has brackets"
        elif self.kinds[k - 1] != "string" and self.kinds[k] != "string":
            line = self.mended(end, start, " * ")
            mend = f"a product is written with `*`: {line}" if line else "a product is written with `*`"
        self.fail(f"missing operator between {self.shown(k - 1)} and {self.shown(k)}", k - 1, k, help=mend)

    def finish(self) -> None:
        frame, last = self.frames[-1], len(self.kinds) - 1
        if frame.kind != "top":
            opener = self.kinds[frame.opener]
            closer = _CLOSER[frame.kind]
            line = None
            if len(self.frames) == 2 and not self.wants_value:
                line = self.mended(self.tokens.ends[last], self.tokens.ends[last], closer)
            self.fail(
                f"`{opener}` is never closed",
                frame.opener,
                code="unbalanced-bracket",
                help=f"add `{closer}`: {line}" if line else f"add `{closer}`",
            )
        if self.wants_value:
            self.fail(f"the formula ends after {self.shown(last)}: a value is missing", last, help=_missing_help(self.kinds[last]))
        self.end_choice(frame)


def _missing_help(kind: str | None) -> str:
    if kind in {"if", "else"}:
        return "a choice is written `a if c else b`"
    if kind == ",":
        return "write a value there, or leave the comma out"
    if kind == "=":
        return "write the argument's value after `=`"
    return "write a value there, or leave the operator out"
