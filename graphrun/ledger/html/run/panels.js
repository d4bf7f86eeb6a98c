// What is drawn without a cursor: predictions and weights before and after, histograms, gradients row by row.

/** A track with ○ before, ● after and, where there is one, | the goal. */
function track({ before, after, goal = null, low, high, zero = true }) {
  const width = 168;
  const at = (x) => 10 + ((x - low) / (high - low || 1)) * (width - 20);
  const words = `from ${number(before, 5)} to ${number(after, 5)}${goal === null ? "" : `, wanted ${number(goal, 5)}`}`;
  return svg("svg", { width, height: 26, class: "track", role: "img", "aria-label": words },
    svg("line", { x1: 4, x2: width - 4, y1: 13, y2: 13, class: "grid" }),
    zero && low < 0 && high > 0 ? svg("line", { x1: at(0), x2: at(0), y1: 7, y2: 19, class: "zero" }) : null,
    svg("line", { x1: at(before), x2: at(after), y1: 13, y2: 13, class: "way" }),
    goal === null ? null : svg("line", { x1: at(goal), x2: at(goal), y1: 4, y2: 22, class: "goal" }),
    svg("circle", { cx: at(before), cy: 13, r: 4.5, class: "from" }), svg("circle", { cx: at(after), cy: 13, r: 4.5, class: "to" }));
}

function range(values) {
  const finite = values.filter((x) => isNumber(x) && Number.isFinite(x));
  return finite.length ? [Math.min(...finite, 0), Math.max(...finite, 0)] : [0, 1];
}

const drawable = (...values) => values.every((x) => isNumber(x) && Number.isFinite(x));

/** The tracks of the table of predictions. */
function showPredictions(found) {
  if (!found || !found.rows.some((row) => row.numbers)) return;
  const [low, high] = range(found.rows.flatMap((row) => [...row.numbers, row.goal]));
  found.rows.forEach((row, k) => {
    const cell = byId(`track-${k}`);
    if (cell && drawable(...row.numbers)) cell.replaceChildren(track({ before: row.numbers[0], after: row.numbers[1], goal: row.goal ?? null, low, high }));
  });
}

/** The tracks of scalar weights, and arrays as fields of cells before and after. */
function showWeights(weights) {
  const [low, high] = range(weights.filter((w) => !w.shape.length).flatMap((w) => [w.before, w.after]));
  weights.forEach((w, k) => {
    const cell = byId(`weight-${k}`);
    if (!cell) return;
    if (!w.shape.length && drawable(w.before, w.after)) cell.replaceChildren(track({ before: w.before, after: w.after, low, high }));
    else if (w.shape.length && w.before) cell.replaceChildren(...fields(w));
  });
}

/** Two fields of cells: orange negative, blue positive, the stronger the larger. */
function fields(w) {
  const columns = w.shape.length > 1 ? w.shape.at(-1) : Math.min(w.shape[0], 32); // a long vector goes on below
  const rows = Math.ceil(w.before.length / columns);
  const most = Math.max(...w.before.concat(w.after).filter((x) => drawable(x)).map(Math.abs), 1e-300);
  const side = Math.max(columns > 90 ? 1 : 3, Math.min(14, Math.floor(132 / Math.max(columns, rows / 2))));
  return [["before", w.before], ["after", w.after]].map(([word, values]) => {
    const canvas = el("canvas", { width: columns, height: rows, role: "img", "aria-label": `${w.name} ${word}: ${rows} by ${columns} numbers, the largest ${number(Math.max(...values.filter((x) => drawable(x)).map(Math.abs), 0), 3)}` });
    canvas.style.width = `${columns * side}px`;
    canvas.style.height = `${rows * side}px`;
    const pen = canvas.getContext("2d");
    values.forEach((x, k) => {
      const share = drawable(x) ? Math.min(1, Math.abs(x) / most) : 1;
      pen.fillStyle = `rgb(${x < 0 ? "208 112 16" : "32 112 192"} / ${drawable(x) ? (0.06 + 0.94 * share).toFixed(3) : 0})`;
      pen.fillRect(k % columns, Math.floor(k / columns), 1, 1);
    });
    const told = el("span", { class: "cell" });
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      const column = Math.min(columns - 1, Math.max(0, Math.floor(((event.clientX - box.left) / box.width) * columns)));
      const row = Math.min(rows - 1, Math.max(0, Math.floor(((event.clientY - box.top) / box.height) * rows)));
      const k = row * columns + column;
      told.textContent = k < values.length ? `[${w.shape.length > 1 ? `${row}, ${column}` : k}] ${number(values[k], 4)}` : "";
    });
    canvas.addEventListener("pointerleave", () => (told.textContent = ""));
    return el("span", { class: "field-of" }, canvas, el("span", { class: "note" }, word, " ", told));
  });
}

// -- histograms ---------------------------------------------------------------------------------------------------------

/** Counts at the start (an outline) and at the end (filled), over one axis. */
function histogram(bins, what, kind) {
  const [width, height, foot] = [232, 104, 78];
  const most = Math.max(...bins.start, ...bins.end, 1);
  const wide = (width - 16) / bins.start.length;
  const at = (x) => 8 + ((x - bins.low) / (bins.high - bins.low)) * (width - 16);
  const outline = bins.start.map((count, k) => `${k ? "L" : "M"}${(8 + k * wide).toFixed(1)} ${(foot - (count / most) * 64).toFixed(1)}H${(8 + (k + 1) * wide).toFixed(1)}`).join("");
  const bars = bins.end.map((count, k) => (count ? svg("rect", { x: 8 + k * wide + 0.5, width: Math.max(1, wide - 1), y: foot - (count / most) * 64, height: (count / most) * 64, class: `bar ${kind}` }) : null));
  return svg("svg", { width, height, role: "img", "aria-label": `${what}: from ${number(bins.low, 3)} to ${number(bins.high, 3)}` },
    ...bars, svg("path", { d: outline, class: "outline" }), svg("line", { x1: 8, x2: width - 8, y1: foot, y2: foot, class: "axis" }),
    bins.low < 0 && bins.high > 0 ? svg("line", { x1: at(0), x2: at(0), y1: foot, y2: foot + 5, class: "axis" }) : null,
    bins.low < 0 && bins.high > 0 && at(0) > 66 && at(0) < width - 66 ? svg("text", { x: at(0), y: foot + 20, "text-anchor": "middle" }, "0") : null,
    svg("text", { x: 8, y: foot + 20 }, number(bins.low, 3)), svg("text", { x: width - 8, y: foot + 20, "text-anchor": "end" }, number(bins.high, 3)));
}

function showHistograms(found) {
  const holder = byId("histograms");
  if (!holder) return;
  holder.replaceChildren(...found.map((one) => el("figure", {}, el("figcaption", {}, el("b", {}, pretty(one.name)), ` ${one.shape.join(" × ")}`),
    el("div", { class: "pair" },
      el("div", {}, el("p", { class: "note" }, "weights"), histogram(one.weights, `weights of ${one.name}`, "weight")),
      one.gradients ? el("div", {}, el("p", { class: "note" }, "∂ gradients"), histogram(one.gradients, `gradients of ${one.name}`, "gradient")) : null))));
}

// -- gradients, row by row ----------------------------------------------------------------------------------------------

/** A dot for each row; dots that would meet are stacked. The dashed line is their mean, which the step uses. */
function rowDots(values, most) {
  const [width, height, foot] = [170, 112, 84];
  const at = (x) => 8 + ((x + most) / (2 * most)) * (width - 16);
  const stacks = new Map();
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const marks = values.map((x) => {
    const column = Math.round(at(x) / 8);
    const level = stacks.get(column) ?? 0;
    stacks.set(column, level + 1);
    return svg("circle", { cx: column * 8, cy: foot - 5 - level * Math.min(9, 70 / values.length * 1.6), r: 4, class: "rowdot" });
  });
  return svg("svg", { width, height, role: "img", "aria-label": `mean ${number(mean, 3)}, from ${number(Math.min(...values), 3)} to ${number(Math.max(...values), 3)}` },
    svg("line", { x1: 4, x2: width - 4, y1: foot, y2: foot, class: "axis" }),
    [[-most, "start"], [0, "middle"], [most, "end"]].map(([x, anchor]) => svg("text", { x: at(x), y: foot + 20, "text-anchor": anchor }, number(x, 2))),
    ...marks, svg("line", { x1: at(mean), x2: at(mean), y1: 6, y2: foot, class: "mean" }));
}

/** A round number that is no less. */
function roundUp(x) {
  const size = 10 ** Math.floor(Math.log10(x));
  return size * [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((m) => m * size >= x * 0.999);
}

function showRowGradients(moments) {
  const holder = byId("row-gradients");
  if (!holder) return;
  const finite = moments.every((m) => Object.values(m.of).every((values) => drawable(...values)));
  if (!finite) return void (holder.closest("section").hidden = true);
  const largest = Math.max(...moments.flatMap((m) => Object.values(m.of).flat().map(Math.abs)), 1e-300);
  const most = roundUp(largest);
  holder.replaceChildren(...moments.map((moment) => el("div", { class: "moment" }, el("h3", {}, `step ${moment.step}`),
    el("div", { class: "strips" }, Object.entries(moment.of).map(([name, values]) => el("figure", {},
      el("figcaption", {}, el("b", {}, pretty(name))), rowDots(values, most),
      el("p", { class: "mean-of" }, "mean ", el("b", { class: "g" }, number(values.reduce((sum, x) => sum + x, 0) / values.length, 3)))))))));
}
