"""How many rows each split gets, and which rows `by: column` gives it. NumPy is not needed here."""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphrun.data.cells import Rows
from graphrun.data.sources import SPLITS, Part
from graphrun.errors import Reporter, nearest
from graphrun.spec.models import SplitModel
from graphrun.spec.spec import Spec

__all__ = ["rows_by_column", "rows_by_file", "split_sizes"]


def rows_by_file(parts: Sequence[Part]) -> dict[str, list[int]]:
    """The rows of each split where `source` gives a file for each."""
    out: dict[str, list[int]] = {}
    start = 0
    for part in parts:
        count = sum(len(t.rows) for t in part.tables)
        out[part.split or "train"] = list(range(start, start + count))
        start += count
    return out


def rows_by_column(spec: Spec, rows: Rows, column: str, reporter: Reporter) -> dict[str, list[int]]:
    """The rows of each split by the cells of a column that say train, valid or test."""
    out: dict[str, list[int]] = {}
    wrong = []
    for row, cell in enumerate(rows.cells(column)):
        if cell in SPLITS:
            out.setdefault(cell, []).append(row)
        else:
            wrong.append((row, str(cell)))
    for k, (row, cell) in enumerate(wrong[:3]):
        close = nearest(cell, SPLITS)
        more = len(wrong) - 3
        reporter.error(
            "bad-split",
            f"`{cell}` in {rows.row_name(row)} of column `{column}` is not a split",
            rows.place(row, column),
            notes=["the splits are train, valid and test", *([f"and {more} more cells like this"] if k == 2 and more > 0 else [])],
            help=f"did you mean `{close}`?" if close else None,
        )
    if not wrong and "train" not in out:
        reporter.error("bad-split", f"no cell of column `{column}` says train", spec.value("data", "split", "by"))
    return {s: out[s] for s in SPLITS if s in out}


def split_sizes(spec: Spec, split: SplitModel, rows: int, reporter: Reporter) -> dict[str, int]:
    """The number of rows of each split that has any; nothing after a fault. `train` takes the rest where it is not given."""
    given = {s: value for s in SPLITS if (value := getattr(split, s)) is not None}
    at = spec.value("data", "split")
    before = len(reporter.errors)
    for s, value in given.items():
        if value < 0 or (isinstance(value, float) and value > 1):
            reporter.error(
                "bad-split",
                f"`{s}: {value}` is neither a fraction nor a count of rows",
                spec.value("data", "split", s),
                help="a fraction is a number from 0 to 1, a count a whole number",
            )
    if not given:
        reporter.error("bad-split", "`split` does not say how the rows are divided", at, help="split: {train: 0.8, valid: 0.2}")
    if len(reporter.errors) > before:
        return {}
    exact = {s: value * rows if isinstance(value, float) else float(value) for s, value in given.items()}
    total = math.fsum(exact.values())
    over = total > rows * (1 + 1e-9)
    short = "train" in given and total < rows * (1 - 1e-9)
    if over or short:
        fractions = all(isinstance(v, float) for v in given.values())
        sum_text = f"{math.fsum(given.values()):.6g}, not 1" if fractions else f"{total:.6g} rows, and there are {rows}"
        mend = "leave `train` out: it takes the rest" if "train" in given and len(given) > 1 else None
        if "train" in given and len(given) == 1:
            mend = f"split: {{train: {given['train']}, valid: …}}"
        reporter.error("bad-split", f"the splits make {sum_text}", at, help=mend)
        return {}
    if "train" not in exact:
        exact["train"] = rows - total
    sizes = _rounded({s: exact[s] for s in SPLITS if s in exact}, rows)
    if sizes["train"] == 0:
        reporter.error("bad-split", f"no row of the {rows} is left for training", at)
        return {}
    return {s: size for s, size in sizes.items() if size}


def _rounded(exact: dict[str, float], total: int) -> dict[str, int]:
    """Whole numbers that add up to `total`, by the largest remainder."""
    sizes = {s: math.floor(x + 1e-9) for s, x in exact.items()}
    left = total - sum(sizes.values())
    for s in sorted(exact, key=lambda s: sizes[s] - exact[s])[:left]:
        sizes[s] += 1
    return sizes
