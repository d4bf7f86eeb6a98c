// The start of the run's section: reads the record, draws the charts, and draws them again where the page's width changes.

const KINDS = ["one", "two", "three", "one dashed", "two dashed", "three dashed", "one dotted", "two dotted", "three dotted"];
const MOST_NAMED = 9;
const TEXTS = ["name", "spec", "cells", "target", "texts", "movers"];
const record = revivedRecord(JSON.parse(byId("run-data").textContent));

/** Numbers that JSON has no word for stand as strings in it. */
function revivedRecord(value) {
  if (value === "nan") return NaN;
  if (value === "inf") return Infinity;
  if (value === "-inf") return -Infinity;
  if (Array.isArray(value)) return value.map(revivedRecord);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, TEXTS.includes(key) ? one : revivedRecord(one)]));
  return value;
}

const bold = (text, kind = "") => el("b", { class: kind }, text);

/** What the line of history at a step says beside the loss. */
function lineAt(step) {
  const k = record.lines.steps.indexOf(step);
  if (k < 0) return [];
  const [name, amount] = [record.lines.movers[k], record.lines.moves[k]];
  const row = [el("span", {}, "|∇| ", bold(number(record.lines.norms[k], 3), "g"))];
  if (name) row.push(el("span", {}, "largest step ", bold(`${pretty(name)} ${amount < 0 ? "" : "+"}${number(amount, 3)}`)));
  return [row.flatMap((part, j) => (j ? ["  ", part] : [part]))];
}

function showLoss() {
  const [steps, values] = record.losses;
  const series = [{ name: "loss", label: steps.length ? number(values.at(-1), 3) : "", begins: steps.length > 1 ? number(values[0], 4) : "", kind: "loss", x: steps, y: values }];
  for (const one of record.measured) if (one.name.endsWith(".loss")) series.push({ name: one.name, label: one.name, kind: "two dashed", x: one.steps, y: one.values });
  if (series.length > 1) series[0].label = "loss";
  const log = values.every((x) => !(x < 0));
  const tell = (step, found) => [[bold(`step ${step}`), ...found.map((one) => [`  ${one.name} `, bold(number(one.value, 4), one.kind.split(" ")[0])])].flat(), ...lineAt(step)];
  new Chart(byId("chart-loss"), `Loss over ${steps.length} steps, from ${number(values[0], 4)} to ${number(values.at(-1), 4)}`, lines({ series, log, tell }));
}

function showDrop() {
  const { steps, predicted, actual } = record.lines;
  const points = steps.map((step, k) => ({ step, x: Math.abs(predicted[k]), y: Math.abs(actual[k]), predicted: predicted[k], actual: actual[k], rose: Math.sign(predicted[k]) !== Math.sign(actual[k]) }));
  const said = ({ predicted: p, actual: a }) => (Math.sign(p) !== Math.sign(a) ? "against the slope: the step is too long for the curve" : a / p > 1.1 ? "more than the slope says" : a / p < 0.9 ? "less than the slope says: the curve bends" : "as the slope says");
  const tell = (one) => [[bold(`step ${one.step}`, "g")], ["predicted ", bold(number(one.predicted, 3))], ["actual ", bold(number(one.actual, 3))], [el("span", { class: "note" }, said(one))]];
  new Chart(byId("chart-drop"), "The actual change of the loss beside the one that the gradients predict, a dot for each step measured", dots({ points, across: "predicted |Σ g · Δw| →", up: "actual ↑", tell }));
}

/** The curves of parameters: the nine that reach highest are named. */
function byParameter(id, label, key, band) {
  const holder = byId(id);
  if (!holder) return;
  const steps = record.lines.steps;
  const peak = (one) => Math.max(...one[key].filter((x) => Number.isFinite(x)), 0);
  const ranked = [...record.parameters].sort((a, b) => peak(b) - peak(a)).slice(0, MOST_NAMED);
  const named = new Set(ranked.map((one) => one.name));
  const order = record.parameters.filter((one) => named.has(one.name));
  const series = record.parameters.map((one) => ({ name: one.name, label: named.has(one.name) ? shortName(one.name) : "", kind: named.has(one.name) ? KINDS[order.indexOf(one)] : "faint", x: steps, y: one[key] }));
  const tell = (step, found, far) => {
    const shown = found.filter((one) => Number.isFinite(one.value));
    const near = far ? [...shown].sort((a, b) => far(a.value || 1e-300) - far(b.value || 1e-300)).slice(0, MOST_NAMED) : shown.slice(0, MOST_NAMED);
    const rows = near.sort((a, b) => b.value - a.value).map((one) => [el("span", { class: one.kind.split(" ")[0] }, pretty(one.name)), " ", bold(number(one.value, 3))]);
    return [[bold(`step ${step}`)], ...rows, ...(shown.length > near.length ? [[el("span", { class: "note" }, `and ${shown.length - near.length} more`)]] : [])];
  };
  new Chart(holder, `${label}, for ${record.parameters.length} parameters over ${steps.length} measured steps`, lines({ series, tell, band }));
}

/** A long name without its middle: what tells names apart is mostly at their ends. */
const shortName = (name) => (name.length > 18 ? `${pretty(name.slice(0, 6))}…${pretty(name.slice(-11))}` : pretty(name));

function showMetrics() {
  const holder = byId("chart-metrics");
  if (!holder) return;
  const found = record.measured.filter((one) => !one.name.endsWith(".loss"));
  const series = found.map((one, k) => ({ name: one.name, label: shortName(one.name), kind: KINDS[k % KINDS.length], x: one.steps, y: one.values }));
  const tell = (step, at) => [[bold(`step ${step}`)], ...at.map((one) => [`${one.name} `, bold(number(one.value, 4))])];
  new Chart(holder, `Metrics: ${found.map((one) => one.name).join(", ")}`, lines({ series, log: false, tell }));
}

function startRun() {
  for (const node of document.querySelectorAll("#run .pretty")) node.textContent = pretty(node.textContent);
  for (const node of document.querySelectorAll("#run .figure")) if (/^-?[\d.]+(e[-+]?\d+)?$/.test(node.textContent)) node.textContent = pretty(node.textContent);
  if (byId("chart-loss")) showLoss();
  if (byId("chart-drop")) showDrop();
  byParameter("chart-gradients", "Norm of the gradient", "gradients", null);
  byParameter("chart-ratios", "Step beside weight", "ratios", [1e-4, 1e-2, "usual"]);
  showMetrics();
  showPredictions(record.predictions);
  showWeights(record.weights);
  showHistograms(record.histograms);
  showRowGradients(record.row_gradients);
  let due = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(due);
    due = requestAnimationFrame(() => charts.forEach((chart) => chart.fit()));
  });
  byId("run").dataset.ready = "true";
}

startRun();
