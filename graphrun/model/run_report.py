"""What a run leaves behind: the predictions for some rows, what its report shows, and the files of its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphrun.build.build import Built
from graphrun.data.dataset import Dataset, spread
from graphrun.errors import Diagnostic, RunError
from graphrun.ledger.html.run.page import run_html
from graphrun.ledger.json import MOST_ELEMENTS, json_text
from graphrun.ledger.ledger import Ledger
from graphrun.model.linear import linear_text
from graphrun.model.measure import Measure
from graphrun.model.page import report_page
from graphrun.spec.resolved import resolved
from graphrun.train.loop import Run
from graphrun.train.predictions import find_prediction
from graphrun.train.record import RowGradients, run_record
from graphrun.train.report import Heading, Predictions
from graphrun.train.run_folder import params_bytes
from graphrun.train.trace import Failure

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["Account"]

SHOWN_ROWS = 8  # on the screen; the report has all that the data kept
FEW_WEIGHTS = 12  # scalar parameters whose gradients are shown for each row
DRAWN = 20_000  # nodes up to which the run folder holds a picture and a ledger
NUMBERS = 1_000_000  # up to which it holds the ledger as JSON, about 20 MB of them


@dataclass(frozen=True)
class Account:
    """A run that is over, with what it began from: `start` are the parameters and state, `values` those it ended with, `measured` what loss
    and metrics are measured with, `test` what was measured over the test rows."""

    model: Model
    built: Built
    data: Dataset | None
    measure: Measure
    heading: Heading
    run: Run
    start: Mapping[str, Any]
    values: Mapping[str, Any]
    measured: Mapping[str, Any]
    test: Mapping[str, float] | None
    warnings: Sequence[Diagnostic] = ()
    failure: Failure | None = None

    def predictions(self) -> Predictions | None:
        """Some training rows, evenly from the first to the last, with the prediction before and after."""
        pair = find_prediction(self.model.built)
        if self.data is None or pair is None:
            return None
        node = self.model.built.nodes[pair.node]
        picked = self.data.picked["train"]
        first = {**self.start, **self.run.before}
        before, after = (self.measure.values([node], values, "train", picked)[node] for values in (first, self.measured))
        if np.ndim(after) == 0 or len(after) != len(picked):
            return None
        target = self.data.columns.get(pair.target, ()) if pair.target is not None else ()
        whole_number = pair.target is not None and self.model.built.inputs[pair.target].dtype == "int64"
        return Predictions(
            cells=self.data.cells("train", range(len(picked))),
            target=target[0] if target else None,
            node=pair.node,
            before=before,
            after=after,
            target_is_class=whole_number,
            classes=self.data.class_names(pair.target) if pair.target is not None else None,
            rows=tuple(picked),
            total=self.data.counts["train"],
        )

    def shown(self) -> Predictions | None:
        """As many of them as a screen takes."""
        found = self.predictions()
        return None if found is None else found.at(spread(len(found.after), SHOWN_ROWS))

    def files(self, folder: str, averages: Mapping[str, Any] | None) -> dict[str, str | bytes]:
        """The files of the run folder but its manifest, by name; a graph too large to draw goes without picture and ledger."""
        out: dict[str, str | bytes] = {}
        spec = resolved(self.model.spec, folder)
        record = self._record(spec)
        if len(self.built.graph) <= DRAWN:
            out.update(self._explained(record))
        else:
            out["report.html"] = run_html(record)
        out["history.csv"] = self.run.history.to_csv()
        health = self.run.history.health_csv()
        if health:
            out["health.csv"] = health
        about = {"spec": self.model.name, "steps": str(self.run.steps)}
        out["params.safetensors"] = params_bytes(self.values, about)
        if averages is not None:
            out["averages.safetensors"] = params_bytes(averages, about)
        out["spec.yaml"] = spec
        return out

    def _explained(self, record: Mapping[str, Any]) -> dict[str, str | bytes]:
        """The report with the ledger, and the picture, at the values that the run began with."""
        now = self.model.current
        self.model.keep(self.start)
        try:
            ledger = self.model.ledger()
            out: dict[str, str | bytes] = {"report.html": report_page(self.model, [ledger], record)}
            out["ledger.md"] = ledger.to_markdown()
            if _numbers(ledger) <= NUMBERS:
                out["ledger.json"] = json_text(ledger.to_json())
            try:
                out["graph.svg"] = self.model.draw("svg")
            except RunError:
                out["graph.dot"] = self.model.draw("dot")
        finally:
            self.model.keep(now)
        return out

    def _record(self, spec: str) -> dict[str, Any]:
        return run_record(
            self.run,
            self.heading,
            predictions=self.predictions(),
            test=self.test,
            warnings=self.warnings,
            failure=self.failure,
            row_gradients=self._row_gradients(),
            computes="" if self.run.failed else linear_text(self.model, self.measured),
            spec=spec,
        )

    def _row_gradients(self) -> RowGradients:
        """Of a graph for one row with a few scalar parameters each one's gradient for each of some rows, at the start and later."""
        gauge = self.run.gauge
        scalars = [name for name, value in self.run.params.items() if not np.ndim(value)]
        few = 0 < len(scalars) <= FEW_WEIGHTS and len(scalars) == len(self.run.params)
        if self.data is None or not self.built.one_row or gauge is None or not gauge.first or not few:
            return ()
        moments: list[tuple[int, Mapping[str, Any]]] = [(0, self.run.before)]
        if not self.run.failed:
            moments.append(gauge.middle if gauge.middle is not None else (self.run.steps, self.run.params))
        rows = [k + 1 for k in self.data.picked["train"]]
        out = []
        for step, params in moments:
            found = [self.model.grad(params={**self.start, **params}, row=row) for row in rows]
            out.append((step, {name: [float(g[name]) for g in found] for name in scalars}))
        return out


def _numbers(ledger: Ledger) -> int:
    """About how many numbers its JSON holds: a value, its gradient and the derivative by each operand for each node."""
    facts = ledger.facts
    sizes = ((i, np.size(value)) for i, value in enumerate(facts.values) if value is not None)
    return sum(size * (2 + len(facts.graph.inputs(i))) for i, size in sizes if size <= MOST_ELEMENTS)
