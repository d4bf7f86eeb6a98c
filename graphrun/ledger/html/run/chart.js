// A chart with a cursor: pointer or arrow keys move it, a read-out tells the values, and the other charts of the run follow.

const charts = [];

/** One chart in `holder`: `draw(width, height)` gives its parts and where its points are; see `lines` and `dots`. */
class Chart {
  constructor(holder, label, draw) {
    this.draw = draw;
    this.holder = holder;
    this.at = null;
    this.picture = svg("svg", { tabindex: "0", role: "img", "aria-label": label });
    this.readout = el("div", { class: "readout", hidden: true });
    this.told = el("p", { class: "hidden", "aria-live": "polite" });
    this.legend = el("p", { class: "curves-named", "aria-hidden": "true" });
    holder.replaceChildren(this.picture, this.legend, this.readout, this.told);
    this.picture.addEventListener("pointermove", (event) => this.point(event));
    this.picture.addEventListener("pointerdown", (event) => this.point(event));
    this.picture.addEventListener("pointerleave", () => this.show(null));
    this.picture.addEventListener("blur", () => this.show(null));
    this.picture.addEventListener("keydown", (event) => this.key(event));
    charts.push(this);
    this.fit();
  }

  fit() {
    const width = Math.max(240, Math.floor(this.holder.clientWidth));
    if (width === this.width) return;
    this.width = width;
    this.height = this.holder.dataset.height ? Number(this.holder.dataset.height) : 300;
    this.picture.setAttribute("width", width);
    this.picture.setAttribute("height", this.height);
    this.picture.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.made = this.draw(width, this.height);
    this.cursor = svg("g", { class: "cursor" });
    this.picture.replaceChildren(...this.made.parts, this.cursor);
    const kind = this.holder.parentElement.querySelector(".axis-kind");
    if (kind) kind.textContent = this.made.log;
    this.legend.replaceChildren(...(this.made.legend ?? []).map((one) => el("span", { class: one.kind.split(" ")[0] },
      svg("svg", { width: 26, height: 12 }, svg("line", { x1: 1, x2: 25, y1: 6, y2: 6, class: `curve ${one.kind}` })), ` ${one.label}`)));
  }

  point(event) {
    const box = this.picture.getBoundingClientRect();
    this.show(this.made.nearest(event.clientX - box.left, event.clientY - box.top), event.clientY - box.top);
  }

  key(event) {
    const last = this.made.count - 1;
    const now = this.at ?? -1;
    const far = Math.max(1, Math.round(this.made.count / 10));
    const to = { ArrowRight: now + 1, ArrowLeft: now - 1, PageUp: now - far, PageDown: now + far, Home: 0, End: last, Escape: null }[event.key];
    if (to === undefined || last < 0) return;
    event.preventDefault();
    event.stopPropagation();
    this.show(to === null ? null : Math.min(last, Math.max(0, to)), null, true);
  }

  /** Puts the cursor on point `at` (nowhere where null) and tells of it; the other charts show the same step. */
  show(at, y = null, aloud = false) {
    this.at = at;
    this.mark(at, y);
    this.readout.hidden = at === null;
    const step = at === null ? null : this.made.step(at);
    for (const chart of charts) if (chart !== this) chart.mark(step === null ? null : chart.made.find(step), null);
    if (at === null) return;
    const rows = this.made.tell(at, y);
    this.readout.replaceChildren(...rows.map((row) => el("p", {}, row)));
    if (aloud) this.told.textContent = this.readout.innerText.replace(/\s+/g, " ");
    const [x, top] = this.made.where(at);
    const [wide, high] = [this.readout.offsetWidth, this.readout.offsetHeight];
    const right = x + 14 + wide <= this.width;
    this.readout.style.left = `${right ? x + 14 : Math.max(0, Math.min(x - 14 - wide, this.width - wide))}px`;
    this.readout.style.top = `${Math.max(0, Math.min(top - high / 2, this.height - high))}px`;
  }

  mark(at, y) {
    this.cursor.replaceChildren(...(at === null || at === undefined ? [] : this.made.cursor(at, y)));
  }
}

/** Curves over the steps, on a log axis where all is positive, each labelled at its end. */
function lines({ series, name = "step", log = true, tell, band = null, left = 58 }) {
  return (width, height) => {
    const named = series.filter((one) => one.label);
    const longest = Math.max(0, ...named.map((one) => one.label.length));
    const below = width < 480 && longest > 8; // the names do not fit beside the curves
    const right = width - (named.length && !below ? 26 + longest * 8 : 16);
    const [top, foot] = [14, height - 46];
    const y = scale(series.flatMap((one) => one.y), foot, top, { log, zero: !log });
    const x = linearScale(Math.min(...series.map((one) => one.x[0] ?? 0)), Math.max(...series.map((one) => one.x.at(-1) ?? 1)), left, right);
    x.ticks = x.ticks.filter((tick) => Number.isInteger(tick));
    const shade = band ? bandOf(band, y, left, right, top, foot) : [];
    const paths = series.map((one) => svg("path", { d: path(one, x, y), class: `curve ${one.kind}` }));
    const alone = series.flatMap((one) => lonely(one, x, y));
    const steps = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
    const dotsAt = (step) => series.flatMap((one) => {
      const k = one.x.indexOf(step);
      return k >= 0 && y.shows(one.y[k]) ? [svg("circle", { cx: x.at(step), cy: y.at(one.y[k]), r: 4.5, class: `dot ${one.kind}` })] : [];
    });
    const near = (step) => nearestIn(steps, step);
    return {
      parts: [...shade, ...leftAxis(y, left, right), ...footAxis(x, foot, left, right, name), ...paths, ...alone, ...(below ? [] : endLabels(series, x, y, right, top, foot)), ...startLabel(series, x, y, top)],
      legend: below ? named : [],
      log: y.log ? "; log axis" : "",
      count: steps.length,
      nearest: (px) => nearestIn(steps, x.low + ((px - left) / (right - left)) * (x.high - x.low)),
      step: (at) => steps[at],
      find: (step) => near(step),
      where: (at) => [x.at(steps[at]), (top + foot) / 2],
      tell: (at, py) => tell(steps[at], series.map((one) => ({ ...one, value: one.y[one.x.indexOf(steps[at])] })).filter((one) => one.value !== undefined), py === null ? null : (value) => Math.abs(y.at(value) - py)),
      cursor: (at) => [svg("line", { x1: x.at(steps[at]), x2: x.at(steps[at]), y1: top, y2: foot, class: "hair" }), ...dotsAt(steps[at])],
    };
  };
}

/** The place in a sorted list that is nearest to a value. */
function nearestIn(sorted, value) {
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value - sorted[low - 1] < sorted[low] - value ? low - 1 : low;
}

function path(one, x, y) {
  let pen = "M";
  let text = "";
  one.x.forEach((step, k) => {
    if (!y.shows(one.y[k])) {
      pen = "M";
      return;
    }
    text += `${pen}${x.at(step).toFixed(1)} ${y.at(one.y[k]).toFixed(1)}`;
    pen = "L";
  });
  return text || "M0 0";
}

/** Points that no line reaches: a value alone between gaps. */
function lonely(one, x, y) {
  const shown = (k) => k >= 0 && k < one.y.length && y.shows(one.y[k]);
  return one.x.flatMap((step, k) => (shown(k) && !shown(k - 1) && !shown(k + 1) ? [svg("circle", { cx: x.at(step), cy: y.at(one.y[k]), r: 3, class: `dot ${one.kind}` })] : []));
}

function bandOf([low, high, text], y, left, right, top, foot) {
  if (!y.log) return [];
  const [a, b] = [Math.max(top, Math.min(foot, y.at(high))), Math.max(top, Math.min(foot, y.at(low)))];
  if (b - a < 2) return [];
  return [svg("rect", { x: left, width: right - left, y: a, height: b - a, class: "band" }), svg("text", { x: right - 8, y: Math.min(b - 6, a + 16), "text-anchor": "end" }, text)];
}

/** The names of the curves beside their ends, moved apart where they would meet, with a thin line to the end. */
function endLabels(series, x, y, right, top, foot) {
  const ends = series.filter((one) => one.label).map((one) => {
    let k = one.y.length - 1;
    while (k > 0 && !y.shows(one.y[k])) k--;
    return { one, x: x.at(one.x[k] ?? 0), y: y.shows(one.y[k]) ? y.at(one.y[k]) : foot };
  }).sort((a, b) => a.y - b.y);
  const gap = 17;
  const room = Math.max(1, Math.floor((foot - top) / gap));
  const kept = ends.length <= room ? ends : ends.filter((end, k) => k < room);
  kept.forEach((end, k) => (end.at = Math.max(end.y, k ? kept[k - 1].at + gap : top + 6)));
  for (let k = kept.length - 1, limit = foot + 4; k >= 0; k--, limit -= gap) kept[k].at = Math.min(kept[k].at, limit);
  return kept.flatMap(({ one, x: px, y: py, at }) => [
    Math.abs(at - py) > 3 || px < right - 4 ? svg("path", { d: `M${px.toFixed(1)} ${py.toFixed(1)}L${right + 8} ${at.toFixed(1)}`, class: "leader" }) : null,
    svg("text", { x: right + 12, y: at + 4, class: `label ${one.kind}` }, one.label),
  ]);
}

/** The value that the only curve begins with. */
function startLabel(series, x, y, top) {
  const [one] = series;
  if (!one.begins || !one.x.length || !y.shows(one.y[0])) return [];
  return [svg("circle", { cx: x.at(one.x[0]), cy: y.at(one.y[0]), r: 4, class: `dot ${one.kind}` }),
    svg("text", { x: x.at(one.x[0]) + 10, y: Math.max(top + 4, y.at(one.y[0]) - 2), class: `label ${one.kind}` }, one.begins)];
}

/** Dots on two log axes with the diagonal, on which both are equal. */
function dots({ points, across, up, tell }) {
  return (width, height) => {
    const [left, right, top, foot] = [64, width - 18, 14, height - 46];
    const values = points.flatMap((one) => [one.x, one.y]);
    const x = scale(values, left, right, { log: true });
    const y = scale(values, foot, top, { log: true });
    if (x.log) {
      const [first, every] = [Math.log10(x.ticks[0] ?? 1), Math.ceil(x.ticks.length / Math.max(2, Math.floor((right - left) / 52)))];
      x.ticks = x.ticks.filter((tick) => Math.round(Math.log10(tick) - first) % every === 0 || x.ticks.length < 4);
    }
    const [low, high] = [Math.max(x.low, y.low), Math.min(x.high, y.high)];
    const shown = points.filter((one) => x.shows(one.x) && y.shows(one.y));
    const mark = (one, kind) => (one.rose
      ? svg("path", { d: cross(x.at(one.x), y.at(one.y), 5), class: `rose ${kind}` })
      : svg("circle", { cx: x.at(one.x), cy: y.at(one.y), r: 3.5, class: `dot loss ${kind}` }));
    const steps = shown.map((one) => one.step);
    return {
      parts: [...leftAxis(y, left, right), ...footAxis(x, foot, left, right, across, top),
        svg("text", { x: left + 8, y: top + 12 }, up),
        svg("line", { x1: x.at(low), x2: x.at(high), y1: y.at(low), y2: y.at(high), class: "hair" }), ...shown.map((one) => mark(one, ""))],
      log: x.log && y.log ? "; log axes" : "",
      count: shown.length,
      nearest: (px, py) => {
        let [best, least] = [null, Infinity];
        shown.forEach((one, k) => {
          const far = (x.at(one.x) - px) ** 2 + (y.at(one.y) - py) ** 2;
          if (far < least) [best, least] = [k, far];
        });
        return best;
      },
      step: (at) => steps[at],
      find: (step) => (steps.length ? nearestIn(steps, step) : null),
      where: (at) => [x.at(shown[at].x), y.at(shown[at].y)],
      tell: (at) => tell(shown[at]),
      cursor: (at) => [svg("circle", { cx: x.at(shown[at].x), cy: y.at(shown[at].y), r: 7, class: "ring" })],
    };
  };
}

const cross = (x, y, r) => `M${x - r} ${y - r}L${x + r} ${y + r}M${x - r} ${y + r}L${x + r} ${y - r}`;
