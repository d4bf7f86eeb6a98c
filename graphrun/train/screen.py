"""Shows a run while it goes: plain lines, and on a terminal a progress bar for runs that take a while."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, TextIO

from graphrun.train.history import Line
from graphrun.train.report import WIDTH, number, plain

__all__ = ["Screen"]

PATIENCE = 0.5  # seconds before a progress bar appears


class Screen:
    """An observer that writes a table to `file`, a line for each line of history. `measured` names what validation tells (`valid.loss`).

    With `quiet` it writes nothing. Use it as a context, so that a progress bar is taken away at the end.
    """

    def __init__(self, file: TextIO, steps: int, *, epochs: bool = False, measured: Sequence[str] = (), quiet: bool = False) -> None:
        self._file, self._steps, self._epochs, self._quiet = file, steps, epochs, quiet
        self._measured = _fitting(measured)
        self._terminal = not quiet and file.isatty()
        self._began = time.perf_counter()
        self._bar: Any = None
        self._task: Any = None
        self._headed = False

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def write(self, text: str = "") -> None:
        """Writes a line, above the progress bar where there is one; in ASCII where the encoding lacks a sign."""
        if self._quiet:
            return
        encoding = self._file.encoding or "utf-8"
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            text = plain(text)
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            self._file.write(text + "\n")
            self._file.flush()

    def final(self, text: str) -> None:
        """Writes a line even where it is quiet."""
        quiet, self._quiet = self._quiet, False
        self.write(text)
        self._quiet = quiet

    def line(self, line: Line) -> None:
        """A line of the table; the first one comes with the table's head."""
        if not self._headed:
            self._headed = True
            self.write()
            self.write(self._head())
        self.write(self._row(line))

    def progress(self, done: int, steps: int, loss: float) -> None:
        """Moves the progress bar, which appears after a while."""
        if not self._terminal:
            return
        if self._bar is None and time.perf_counter() - self._began > PATIENCE and done < steps:
            self._start(done, loss)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, loss=f"{loss:.4g}")

    def _start(self, done: int, loss: float) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("loss {task.fields[loss]}"), TimeRemainingColumn())
        self._bar = Progress(*columns, console=Console(file=self._file), transient=True)
        self._task = self._bar.add_task("training", total=self._steps, completed=done, loss=f"{loss:.4g}")
        self._bar.start()

    def _head(self) -> str:
        epoch = f"{'epoch':>7}" if self._epochs else ""
        measured = "".join(name.rjust(_wide(name)) for name in self._measured)
        return f"{'step':>6}{epoch}  {'loss':>9}  {'|∇|':>9}{measured}   largest step"

    def _row(self, line: Line) -> str:
        epoch = f"{line.epoch:>7}" if self._epochs else ""
        norm = "" if line.gradient_norm is None else _three(line.gradient_norm)
        measured = "".join(_cell(line, name).rjust(_wide(name)) for name in self._measured)
        largest = "" if line.largest is None else f"   {line.largest[0]} {_signed(line.largest[1])}"
        return f"{line.step:>6}{epoch}  {line.loss:>9.4g}  {norm:>9}{measured}{largest}".rstrip()


def _three(x: float) -> str:
    return number(x, 3)


def _signed(x: float) -> str:
    return f"{x:+.3g}"


def _cell(line: Line, name: str) -> str:
    value = line.measured.get(name, math.nan)
    return "" if math.isnan(value) else number(value)


def _wide(name: str) -> int:
    return max(len(name), 9) + 2


def _fitting(names: Sequence[str]) -> list[str]:
    """The names whose columns fit beside the others."""
    room = WIDTH - 28 - 24
    kept: list[str] = []
    for name in names:
        room -= _wide(name)
        if room < 0:
            break
        kept.append(name)
    return kept
