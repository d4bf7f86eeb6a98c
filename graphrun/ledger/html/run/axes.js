// Scales and axes of the run's charts. A chart is drawn at the size that it has on the page, so that its text keeps its own.

const FEW_DECADES = 3; // a ratio of largest to least below which a linear axis says more

/** Places of values along pixels, with ticks: on a log axis (positive values) or a linear one. */
function scale(values, from, to, { log = false, zero = false } = {}) {
  const finite = values.filter((x) => isNumber(x) && Number.isFinite(x) && (!log || x > 0));
  let low = finite.length ? Math.min(...finite) : log ? 0.1 : 0;
  let high = finite.length ? Math.max(...finite) : 1;
  if (log && high / low >= FEW_DECADES) return logScale(low, high, from, to);
  if (zero) [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  return linearScale(low, high, from, to);
}

function logScale(low, high, from, to) {
  const [first, last] = [Math.log10(low), Math.log10(high)];
  const pad = (last - first) * 0.04;
  const [a, b] = [first - pad, last + pad];
  const at = (x) => from + ((Math.log10(x) - a) / (b - a)) * (to - from);
  const room = Math.max(2, Math.floor(Math.abs(to - from) / 34));
  const every = Math.max(1, Math.ceil((b - a) / room));
  let ticks = [];
  for (let k = Math.ceil(a); k <= b; k++) if (k % every === 0) ticks.push(10 ** k);
  if (ticks.length < 3) {
    ticks = [];
    for (let k = Math.floor(a); k <= b; k++) for (const m of [1, 2, 5]) if (Math.log10(m) + k >= a && Math.log10(m) + k <= b) ticks.push(Number(`${m}e${k}`));
  }
  return { at, ticks, log: true, low: Math.max(10 ** a, Number.MIN_VALUE), high: Math.min(10 ** b, Number.MAX_VALUE), shows: (x) => isNumber(x) && x > 0 && Number.isFinite(x), text: (x) => powerText(x) };
}

function linearScale(low, high, from, to) {
  if (!(high > low)) [low, high] = [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
  const room = Math.max(2, Math.floor(Math.abs(to - from) / 60));
  const step = niceStep((high - low) / room);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) ticks.push(Number((k * step).toPrecision(12)));
  const at = (x) => from + ((x - low) / (high - low)) * (to - from);
  return { at, ticks, log: false, low, high, shows: (x) => isNumber(x) && Number.isFinite(x), text: (x) => number(x, 4) };
}

function niceStep(least) {
  const size = 10 ** Math.floor(Math.log10(least));
  return size * [1, 2, 5, 10].find((m) => m * size >= least * 0.999);
}

/** 10⁻⁴ as a tick: `[10, −4]` stands as a text with a raised exponent; small powers are written out. */
function powerText(x) {
  const power = Math.round(Math.log10(x));
  const whole = Math.abs(x / 10 ** power - 1) < 1e-9;
  if (!whole || (power >= -2 && power <= 3)) return number(x, 3);
  return `10${[...String(power)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)])).join("")}`;
}

/** Grid lines and ticks of a value axis on the left. */
function leftAxis(y, left, right) {
  return y.ticks.flatMap((tick) => [
    svg("line", { x1: left, x2: right, y1: y.at(tick), y2: y.at(tick), class: "grid" }),
    svg("text", { x: left - 8, y: y.at(tick) + 4, "text-anchor": "end" }, y.text(tick)),
  ]);
}

/** The axis at the foot, with its name at the right end. */
function footAxis(x, foot, left, right, name, grid) {
  const ticks = x.ticks.flatMap((tick) => [
    grid ? svg("line", { x1: x.at(tick), x2: x.at(tick), y1: grid, y2: foot, class: "grid" }) : null,
    svg("line", { x1: x.at(tick), x2: x.at(tick), y1: foot, y2: foot + 5, class: "axis" }),
    svg("text", { x: x.at(tick), y: foot + 20, "text-anchor": "middle" }, x.text(tick)),
  ]);
  return [...ticks, svg("line", { x1: left, x2: right, y1: foot, y2: foot, class: "axis" }), svg("text", { x: right, y: foot + 38, "text-anchor": "end" }, name)];
}
