// "Try a value": the graph is evaluated here, by the program that came with the page, for any inputs and parameters.

const MOST_CURVES = 6;
const POINTS = 61;
const TALL = 116; // pixels of a curve
const EDGE = 34; // pixels left of it, for the axis

class TryPanel {
  constructor() {
    this.seen = 0;
    new ResizeObserver(() => requestAnimationFrame(() => this.resized())).observe(byId("try"));
  }

  resized() {
    const width = byId("try").clientWidth;
    if (this.seen !== width && this.now) this.draw(this.now.now, this.now.next);
    this.seen = width;
  }

  load(data) {
    this.data = data;
    this.program = data.program;
    const body = byId("try-body");
    const why = this.reason();
    this.now = null;
    if (why) {
      body.replaceChildren(el("p", { class: "note" }, why));
      return;
    }
    const { inputs, params, code } = this.program;
    const gradient = new Set(this.program.gradients.map(([box]) => data.boxes[box].name));
    this.movers = params.length ? params : inputs.filter(([name]) => gradient.has(name)); // a graph without parameters is read by its inputs
    this.start = new Map([...inputs, ...params].map(([, node]) => [node, readNumber(code[node][1])]));
    this.given = new Map(this.start);
    this.rate = rateOf(data.update);
    this.exact = this.rate !== null && followsRate(data, this.rate);
    this.results = el("p", { class: "results", "aria-live": "polite" });
    this.curves = el("div", { class: "curves" });
    this.moves = el("div");
    this.fields = [...inputs.map((pair) => this.field(pair, "input")), ...params.map((pair) => this.field(pair, "parameter"))];
    const buttons = el("div", { class: "try-buttons" }, ...this.buttons());
    body.replaceChildren(
      el(
        "div",
        { class: "fields" },
        this.fields.map((field) => field.label),
      ),
      this.results,
      this.curves,
      buttons,
      this.moves,
    );
    this.update();
  }

  reason() {
    if (this.program.why) return this.program.why;
    const unknown = unknownOps(this.program);
    return unknown.length ? `Values cannot be tried here: this page does not know the operation ${unknown.join(", ")}.` : "";
  }

  field([name, node], kind) {
    const input = el("input", {
      type: "text",
      inputmode: "text",
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": `${name}, ${kind}`,
      "data-name": name,
    });
    input.value = plainText(this.start.get(node));
    input.addEventListener("input", () => {
      const value = readField(input.value);
      if (value === null) {
        input.setAttribute("aria-invalid", "true");
        return;
      }
      input.removeAttribute("aria-invalid");
      this.given.set(node, value);
      this.update();
    });
    return { node, input, label: el("label", { class: `field ${kind}${name.length > 9 ? " long" : ""}` }, el("span", {}, pretty(name)), input) };
  }

  buttons() {
    const step = el("button", { type: "button", class: "primary", id: "take-step", click: () => this.step() }, "Take one step");
    const reset = el("button", { type: "button", id: "reset-values", click: () => this.reset() }, "Reset");
    const rate = el("input", { type: "text", id: "rate", "aria-label": "learning rate", autocomplete: "off" });
    rate.value = plainText(this.rate ?? 0.1);
    this.rate ??= 0.1;
    rate.addEventListener("input", () => {
      const value = readField(rate.value);
      if (value === null) return rate.setAttribute("aria-invalid", "true");
      rate.removeAttribute("aria-invalid");
      this.rate = value;
      return this.update();
    });
    return [step, el("label", { class: "rate" }, "lr", rate), reset];
  }

  // -- numbers -----------------------------------------------------------------------------------------------------

  /** What comes out at `given`: the value and the gradient of each box, and of what moves. */
  at(given) {
    const values = evaluate(this.program, given);
    const gradient = new Map(this.program.gradients);
    const nodes = new Map(this.program.values.map(([box, node]) => [node, box]));
    const slope = (node) => (gradient.has(nodes.get(node)) ? values[gradient.get(nodes.get(node))] : 0);
    return { values, slope, loss: values[this.program.of] };
  }

  /** The parameters (without any, the inputs) one step of gradient descent on. */
  moved(now) {
    const next = new Map(this.given);
    for (const [name, node] of this.movers) {
      if (!this.frozen(name, node, now)) next.set(node, this.given.get(node) - this.rate * now.slope(node));
    }
    return next;
  }

  /** Whether the spec keeps a parameter as it is: its own update left it where it was although it has a gradient. */
  frozen(name) {
    const found = this.data.update?.params.find(([other]) => other === name);
    const gradient = this.data.gradients.find((one) => one.name === name);
    return Boolean(found && gradient && found[1] === found[2] && gradient.value !== 0 && isNumber(gradient.value));
  }

  update() {
    const now = this.at(this.given);
    const next = this.moved(now);
    const after = this.at(next);
    this.now = { now, next, after };
    const items = [];
    const boxes = this.data.boxes;
    for (const [box, node] of this.program.values) {
      if (boxes[box].uses.length) items.push(result(pretty(boxes[box].name), number(now.values[node], 6), "v", `value ${boxes[box].name}`));
    }
    for (const [name, node] of this.movers)
      items.push(result(`∂${pretty(name)}`, number(now.slope(node), 6), "g", `gradient ${name}`));
    this.results.replaceChildren(...items.slice(0, 60));
    this.draw(now, next);
    this.table(now, next, after);
  }

  step() {
    for (const [node, value] of this.now.next) this.given.set(node, value);
    this.write();
  }

  reset() {
    this.given = new Map(this.start);
    this.write();
  }

  write() {
    for (const { node, input } of this.fields) {
      input.value = plainText(this.given.get(node));
      input.removeAttribute("aria-invalid");
    }
    this.update();
  }

  // -- pictures ----------------------------------------------------------------------------------------------------

  draw(now, next) {
    const shown = this.movers.filter(([name]) => !this.frozen(name)).slice(0, MOST_CURVES);
    const room = this.curves.clientWidth || 300;
    const columns = Math.max(1, Math.floor((room + 12) / 162));
    const wide = Math.floor((room - 12 * (columns - 1)) / columns);
    this.curves.replaceChildren(...shown.map(([name, node]) => this.curve(name, node, now, next, wide)));
  }

  /** The loss over one parameter, the tangent, and where one step leads. */
  curve(name, node, now, next, wide) {
    const [x, y, slope] = [this.given.get(node), now.loss, now.slope(node)];
    const to = next.get(node);
    const of = pretty(this.data.of);
    const loss = (at) => this.at(new Map([...this.given, [node, at]])).loss;
    const reach = Math.max(Math.abs(to - x) * 2.2, Math.abs(x) * 0.6, 1);
    const points = Array.from({ length: POINTS }, (_, k) => x - reach + (2 * reach * k) / (POINTS - 1)).map((at) => [at, loss(at)]);
    const landed = loss(to);
    const finite = [...points.map((point) => point[1]), y, landed].filter(Number.isFinite);
    const head = el("p", {}, el("span", {}, `${of}(${pretty(name)})`), el("span", { class: "g" }, `slope ${number(slope, 4)}`));
    if (![y, slope, to].every(Number.isFinite)) return el("div", { class: "curve" }, head, el("p", { class: "note" }, "not finite here"));
    const low = Math.min(...finite);
    const arrives = Number.isFinite(landed);
    const high = Math.max(y, arrives ? landed : y, low + (Math.max(...finite) - low) * 0.55, low + 1e-9 * Math.max(1, Math.abs(low)));
    const px = (at) => EDGE + ((at - x + reach) / (2 * reach)) * (wide - EDGE - 6);
    const py = (value) => 8 + (1 - (value - low) / (high - low)) * (TALL - 26);
    const floor = TALL - 10;
    const shown = points.filter(([, value]) => Number.isFinite(value) && Math.abs(py(value)) < 2000);
    const line = shown.map(([at, value], k) => `${k ? "L" : "M"}${px(at).toFixed(1)} ${py(value).toFixed(1)}`).join("");
    const run = Math.min(reach * 0.7, slope ? ((high - low) * 0.8) / Math.abs(slope) : reach * 0.7);
    const clip = `clip-${node}`;
    const label =
      `${of} over ${pretty(name)}: slope ${number(slope, 4)} at ${number(x, 4)}; ` +
      `one step leads to ${number(to, 4)}, where ${of} is ${number(landed, 4)}`;
    const picture = svg(
      "svg",
      { width: wide, height: TALL, role: "img", "aria-label": label },
      svg("clipPath", { id: clip }, svg("rect", { x: EDGE, y: 0, width: wide - EDGE, height: floor + 1 })),
      ticks(low, high)
        .map((value) => [
          svg("line", { x1: EDGE, x2: wide, y1: py(value), y2: py(value), class: "grid" }),
          svg("text", { x: EDGE - 5, y: py(value) + 4, "text-anchor": "end" }, number(value, 3)),
        ])
        .flat(),
      svg("line", { x1: EDGE, x2: wide, y1: floor, y2: floor, class: "axis" }),
      svg(
        "g",
        { "clip-path": `url(#${clip})` },
        svg("path", { d: line, class: "over" }),
        svg("line", { x1: px(x - run), y1: py(y - slope * run), x2: px(x + run), y2: py(y + slope * run), class: "tangent" }),
      ),
      svg("line", { x1: px(x), x2: px(x), y1: py(y), y2: floor, class: "drop" }),
      arrives ? svg("line", { x1: px(to), x2: px(to), y1: py(landed), y2: floor, class: "drop" }) : null,
      svg("circle", { cx: px(x), cy: py(y), r: 4, class: "from" }),
      arrives ? svg("circle", { cx: px(to), cy: py(landed), r: 4, class: "to" }) : null,
    );
    const ends = el("p", { class: "ends" }, `${number(x, 4)} → `, el("span", { class: "c" }, number(to, 4)));
    return el("div", { class: "curve" }, head, picture, ends);
  }

  table(now, next, after) {
    const of = pretty(this.data.of);
    const rows = this.movers.map(([name, node]) => {
      const still = this.frozen(name);
      const slope = number(now.slope(node), 6);
      return el(
        "tr",
        {},
        el("td", {}, el("b", {}, pretty(name))),
        el("td", { class: "v" }, number(this.given.get(node))),
        el("td", { class: "note" }, still ? "frozen" : `− ${number(this.rate)} · ${factorText(slope)}`),
        el("td", { class: "right", "data-next": name }, "→ ", el("b", { class: "v" }, number(next.get(node)))),
      );
    });
    rows.push(
      el(
        "tr",
        {},
        el("td", {}, el("b", {}, of)),
        el("td", { class: "v" }, number(now.loss)),
        el("td"),
        el("td", { class: "right" }, "→ ", el("b", { class: "v" }, number(after.loss))),
      ),
    );
    const squares = this.movers.filter(([name]) => !this.frozen(name)).reduce((sum, [, node]) => sum + now.slope(node) ** 2, 0);
    const [predicted, actual] = [-this.rate * squares, after.loss - now.loss];
    const bends = Math.abs(predicted - actual) > 1e-3 * Math.abs(predicted) ? ", because the curve bends" : "";
    const product = `−${number(this.rate)} · ${number(squares, 5)} = ${number(predicted, 5)}`;
    const note = `Predicted by the slopes: ${product}. Actual: ${number(actual, 5)}${bends}.`;
    const rule = this.exact
      ? `As ${pretty(this.data.update.optimizer)} makes it.`
      : `This is plain gradient descent${this.program.params.length ? "" : " on the inputs, as there are no parameters"}${this.data.update ? `; the spec trains with ${this.data.update.optimizer}` : ""}.`;
    this.moves.replaceChildren(
      el("div", { class: "scroll" }, el("table", { class: "moves" }, el("tbody", {}, rows))),
      el("p", { class: "note" }, note),
      el("p", { class: "note" }, rule),
    );
  }
}

/** Two or three round values between two numbers. */
function ticks(low, high) {
  const raw = (high - low) / 2.5;
  if (!(raw > 0) || !Number.isFinite(raw)) return [];
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((k) => k * power).find((one) => one >= raw);
  const out = [];
  for (let k = Math.ceil(low / step); k * step <= high && out.length < 6; k++) out.push(k * step);
  return out;
}

function result(name, text, colour, id) {
  return el("span", { "data-result": id }, `${name} `, el("b", { class: colour }, text));
}

/** The learning rate of the spec's optimizer, where a number says it. */
function rateOf(update) {
  const found =
    /\b(?:lr=)([0-9.]+(?:e[-+]?\d+)?)\s*[,)]/i.exec(update?.optimizer ?? "") ??
    /^\w+\(\s*([0-9.]+(?:e[-+]?\d+)?)\s*[,)]/i.exec(update?.optimizer ?? "");
  return found ? Number(found[1]) : null;
}

/** Whether the spec's own update is the plain step of gradient descent with that rate. */
function followsRate(data, rate) {
  return data.update.params.every(([name, old, fresh]) => {
    const gradient = data.gradients.find((one) => one.name === name)?.value;
    if (![old, fresh, gradient].every(isNumber)) return false;
    return old === fresh || Math.abs(old - rate * gradient - fresh) <= 1e-9 * Math.max(1, Math.abs(fresh));
  });
}

/** A number as it is typed: exact, with an ASCII minus. */
function plainText(x) {
  return Number.isFinite(x) ? String(x) : Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "-inf";
}

/** What was typed as a number, or null. */
function readField(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  if (plain === "" || !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain)) return null;
  const value = Number(plain);
  return Number.isFinite(value) ? value : null;
}
