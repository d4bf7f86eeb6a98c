"""What a training run says: a heading, a table while it goes, and at the end what was learned."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from graphrun.errors import Diagnostic
from graphrun.train.loop import Run

__all__ = [
    "Heading",
    "Predictions",
    "details",
    "duration",
    "final_line",
    "folder_line",
    "heading",
    "number",
    "plain",
    "prediction_text",
    "sparkline",
    "summary",
    "warning_lines",
    "weight_texts",
    "weights",
]

WIDTH = 80
BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = "_.-~=+*#"
PLAIN = {"|·|": "norm", "∇": "grad", "µ": "u", "½": "1/2", "→": "->", "×": "x", "…": "...", "·": "*"}
PLAIN |= dict(zip(BARS, ASCII_BARS, strict=True))


def plain(text: str) -> str:
    """The text in ASCII, for an output that lacks the signs."""
    for sign, instead in PLAIN.items():
        text = text.replace(sign, instead)
    return text.encode("ascii", "replace").decode()


def number(x: float, digits: int = 4) -> str:
    """As many digits as carry meaning: whole numbers plain, others to `digits` significant ones."""
    x = float(x)
    if x == math.floor(x) and abs(x) < 1e6 if math.isfinite(x) else False:
        return str(int(x))
    return f"{x:.{digits}g}"


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def duration(seconds: float) -> str:
    """A time as a person says it."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


@dataclass(frozen=True, slots=True)
class Heading:
    """What is known before the first step. `counts` are the rows of each split; `batch` the rows of a step."""

    name: str
    about: str | None
    path: str
    parameters: int
    counts: Mapping[str, int]
    engine: str
    optimizer: str
    steps: int
    epochs: int | None
    batch: int
    seed: int


def heading(h: Heading) -> list[str]:
    """The two lines above the table."""
    about = (h.about or "").strip().rstrip(".")
    size = _count(h.parameters, "parameter")
    rows = _rows(h.counts)
    first = f"{h.name}: {', '.join(part for part in (about, size, rows) if part)}"
    if len(first) + 3 + len(h.path) <= WIDTH:
        lines = [first + h.path.rjust(WIDTH - len(first))]
    elif len(first) <= WIDTH:
        lines = [first]
    else:
        lines = [f"{h.name}: {about}", f"{size}{', ' if rows else ''}{rows}"]
    return [*lines, f"engine {h.engine}, {h.optimizer}, {_length(h, h.steps)}, seed {h.seed}"]


def details(h: Heading, steps: int) -> list[str]:
    """The same for the report: size, data, optimizer, the length that was reached, seed, engine."""
    found = [_count(h.parameters, "parameter"), _rows(h.counts), h.optimizer, _length(h, steps), f"seed {h.seed}", f"engine {h.engine}"]
    return [text for text in found if text]


def _length(h: Heading, steps: int) -> str:
    length = _count(steps, "step")
    if h.epochs is not None and steps == h.steps:
        length = f"{_count(h.epochs, 'epoch')}, {length}"
    return f"{length} of {_count(h.batch, 'row')}" if h.counts else length


def _rows(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    total = sum(counts.values())
    if len(counts) == 1:
        return _count(total, "row")
    names = {"train": "to train", "valid": "to validate", "test": "to test"}
    return f"{total:,} rows ({', '.join(f'{n:,} {names[s]}' for s, n in counts.items())})"


def sparkline(values: Sequence[float], width: int = 8) -> str:
    """The course of positive numbers as bars; on a logarithmic scale where they span more than two decades."""
    finite = [v for v in values if math.isfinite(v)]
    if len(finite) < 2:
        return ""
    n = min(width, len(finite))
    array = np.asarray(finite, dtype=np.float64)
    if array.min() > 0 and array.max() > 100 * array.min():
        array = np.log(array)
    edges = np.linspace(0, len(array), n + 1).round().astype(int)
    means = np.array([array[a:b].mean() for a, b in pairwise(edges)])
    low, high = means.min(), means.max()
    if high <= low:
        return BARS[0] * n
    levels = np.minimum((means - low) / (high - low) * 7, 6.999)
    return "".join(BARS[int(k)] for k in levels)


def final_line(run: Run, folder: str | None) -> str:
    """All that a quiet run says."""
    place = f", {folder}/" if folder is not None else ""
    return f"{_count(run.steps, 'step')}, loss {number(run.loss)}{place}"


# -- what was learned -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Predictions:
    """Some rows: their cells (column → texts), the target's column or input, and the prediction before and after.

    `before` and `after` have rows on axis 0. Where the target is a class, `classes` are the names and a prediction of several numbers is
    shown as the class of the largest; of a table, one for each row of it. `rows` are their numbers (from 0) among the `total`; where not
    given, they are the first.
    """

    cells: Mapping[str, Sequence[Any]]
    target: str | None
    node: str
    before: Any
    after: Any
    target_is_class: bool = False
    classes: tuple[str, ...] | None = None
    rows: tuple[int, ...] = ()
    total: int = 0

    def at(self, places: Sequence[int]) -> Predictions:
        """Those of some of the rows."""
        cells = {name: [column[k] for k in places] for name, column in self.cells.items()}
        rows = tuple(self.rows[k] for k in places) if self.rows else tuple(places)
        before, after = (np.asarray(values)[list(places)] for values in (self.before, self.after))
        return replace(self, cells=cells, rows=rows, before=before, after=after)


def summary(run: Run, predictions: Predictions | None = None, test: Mapping[str, float] | None = None) -> list[str]:
    """The lines below the table. `test` is what was measured over the test rows, where there are any."""
    lines = [_outcome(run)]
    if run.interrupted:
        lines.insert(0, f"interrupted after {_count(run.steps, 'step')}; what was reached is kept")
    if run.stopped_early:
        lines.insert(0, f"stopped early after {_count(run.steps, 'step')}: what `early_stop` watches has not become better")
    if run.metrics:
        where = "validation rows" if run.split == "valid" else "training rows"
        found = [f"{name} {number(value)}" for name, value in run.metrics.items()]
        if run.valid_loss is not None:
            found.insert(0, f"loss {number(run.valid_loss)}")
        lines.append(f"on the {where}: {', '.join(found)}")
    elif run.valid_loss is not None:
        lines.append(f"on the validation rows: loss {number(run.valid_loss)}")
    if test:
        lines.append(f"on the test rows: {', '.join(f'{name} {number(value)}' for name, value in test.items())}")
    left = _table(predictions) if predictions is not None and len(predictions.after) else []
    lines += ["", *_beside(left, weights(run.before, run.params))]
    return lines


def _outcome(run: Run) -> str:
    losses = run.history.losses
    begin = run.first.get("loss", losses[0] if losses else math.nan)
    bars = sparkline([*losses, run.loss])
    text = f"{_count(run.steps, 'step')} in {duration(run.seconds)}, loss {number(begin, 3)} to {number(run.loss, 3)}"
    return f"{text} {bars}".rstrip()


def _table(p: Predictions) -> list[str]:
    """Rows with their cells, the target, and the prediction before and after."""
    others = [name for name in p.cells if name != p.target]
    lines = _rows_of(p, others, len(others) if len(others) <= 5 else 3)
    for shown in range(len(others) - 1, -1, -1):
        if max(map(len, lines)) <= WIDTH:
            break
        lines = _rows_of(p, others, shown)
    return lines


def _rows_of(p: Predictions, others: Sequence[str], some: int) -> list[str]:
    """The table with the first `some` of the columns besides the target's."""
    count = len(p.after)
    shown = others[:some]
    columns: list[tuple[str, list[str]]] = [("row", [str(p.rows[k] + 1 if p.rows else k + 1) for k in range(count)])]
    columns += [(name, [_cell(c) for c in p.cells[name][:count]]) for name in shown]
    if len(shown) < len(others):
        columns.append(("…", ["…"] * count))
    if p.target is not None and p.target in p.cells:
        columns.append((p.target, [_cell(c) for c in p.cells[p.target][:count]]))
    cut = _cell if p.target_is_class else str  # a sequence of classes may be long, as its target
    columns.append((f"{p.node} before", [cut(prediction_text(p, row)) for row in p.before]))
    columns.append(("after", [cut(prediction_text(p, row)) for row in p.after]))
    widths = [max(len(head), *(len(text) for text in texts)) for head, texts in columns]
    head = "  ".join(name.rjust(w) for (name, _), w in zip(columns, widths, strict=True))
    rows = ["  ".join(texts[k].rjust(w) for (_, texts), w in zip(columns, widths, strict=True)) for k in range(count)]
    return ["  " + line for line in [head, *rows]]


def _cell(cell: Any) -> str:
    text = number(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) else str(cell)
    return text if len(text) <= 14 else text[:13] + "…"


def prediction_text(p: Predictions, value: Any) -> str:
    """A prediction as text: a number, the name of a class or the classes of a sequence, or the first numbers of several."""
    array = np.asarray(value)
    if array.size == 1:
        return _value(float(array.reshape(-1)[0]))
    if p.target_is_class and array.ndim:
        return _class_text(p, np.argmax(array, axis=-1).tolist())
    flat = array.reshape(-1)
    return "[" + ", ".join(number(x, 3) for x in flat[:3]) + (", …]" if flat.size > 3 else "]")


def _class_text(p: Predictions, found: Any) -> str:
    """A class, or a list of classes as the data has lists: one for each place of a sequence."""
    if isinstance(found, list):
        return _class_text(p, found[0]) if len(found) == 1 else f"[{', '.join(_class_text(p, k) for k in found)}]"
    return p.classes[found] if p.classes is not None and found < len(p.classes) else str(found)


def _value(x: float) -> str:
    """A prediction: whole numbers plain, others to four decimals where that says something."""
    if math.isfinite(x) and x == math.floor(x) and abs(x) < 1e6:
        return str(int(x))
    return f"{x:.4f}" if 0.01 <= abs(x) < 1e5 else f"{x:.3g}"


def _weight(x: float) -> str:
    """A parameter: whole numbers plain, others to three decimals where that says something."""
    if math.isfinite(x) and x == math.floor(x) and abs(x) < 1e6:
        return str(int(x))
    return f"{x:.3f}" if 0.01 <= abs(x) < 1e4 else f"{x:.3g}"


def weight_texts(before: Any, after: Any) -> list[str]:
    """A parameter before and after: a number, or the norm of an array."""
    if before.size == 1:
        return [_weight(float(value.reshape(-1)[0])) for value in (before, after)]
    return [number(float(np.linalg.norm(value.astype(np.float64).ravel())), 4) for value in (before, after)]


def weights(before: Mapping[str, Any], after: Mapping[str, Any], limit: int = 12) -> list[str]:
    """Each parameter before and after: a number, or shape and norm. With many, the first ones and how many more there are."""
    rows: list[tuple[str, str, str, str]] = []
    for name, new in after.items():
        if len(rows) == limit:
            break
        old = np.asarray(before[name])
        first, last = weight_texts(old, np.asarray(new))
        shape = "" if old.size == 1 else f" [{'×'.join(str(d) for d in old.shape)}]"
        rows.append((f"{name}{shape}", "|·| " if shape else "", first, last))
    if not rows:
        return []
    names, signs, olds = (max(len(row[k]) for row in rows) for k in range(3))
    lines = [f"{name.ljust(names)}  {sign.ljust(signs)}{old.rjust(olds)} → {new}" for name, sign, old, new in rows]
    more = len(after) - len(rows)
    return [*lines, f"… and {more:,} more parameters"] if more > 0 else lines


def _beside(left: Sequence[str], right: Sequence[str]) -> list[str]:
    """Two blocks side by side where the width allows it, the right one in two columns where it is the longer; else one below the other."""
    gap = " " * 5
    if left and len(right) > len(left) and not right[-1].startswith("…"):
        right = _two_columns(right)
    width = max((len(line) for line in left), default=0)
    if left and right and width + len(gap) + max(len(line) for line in right) <= WIDTH:
        height = max(len(left), len(right))
        pairs = [(left[k] if k < len(left) else "", right[k] if k < len(right) else "") for k in range(height)]
        return [f"{a.ljust(width)}{gap}{b}".rstrip() for a, b in pairs]
    below = [f"  {line}" for line in right]
    return [*left, "", *below] if left and right else [*left, *below]


def _two_columns(lines: Sequence[str]) -> list[str]:
    half = (len(lines) + 1) // 2
    width = max(len(line) for line in lines[:half])
    return [f"{lines[k].ljust(width)}    {lines[k + half] if k + half < len(lines) else ''}".rstrip() for k in range(half)]


def warning_lines(warning: Diagnostic) -> list[str]:
    """A warning, within 80 columns."""
    lines = warning.to_text().split("\n")
    return [piece for line in lines for piece in textwrap.wrap(line, WIDTH, subsequent_indent="   ", break_on_hyphens=False)]


def folder_line(folder: str, files: Sequence[str]) -> list[str]:
    """Where the results are, within 80 columns."""
    lines = [f"{folder}/ "]
    for name in files:
        if len(lines[-1]) + 2 + len(name) > WIDTH:
            lines.append("   ")
        lines[-1] += f"  {name}"
    return lines
