// Puts the page together: reads the data, fills in the head and the cost, and starts the parts.

const ledgers = JSON.parse(byId("data").textContent);

/** Numbers that JSON has no word for stand as strings in it. */
function revived(data) {
  const read = (value) =>
    value === "nan" || value === "inf" || value === "-inf" ? readNumber(value) : typeof value === "boolean" ? Number(value) : value;
  for (const box of data.boxes) {
    box.value = read(box.value);
    if ("gradient" in box) box.gradient = read(box.gradient);
  }
  for (const step of data.steps) for (const term of step.terms ?? []) term.value = read(term.value);
  for (const gradient of data.gradients) gradient.value = read(gradient.value);
  return data;
}

function showFacts(data) {
  const facts = [["value", `${pretty(data.of)} = ${valueText(data.boxes[data.end].value)}`, "v"]];
  const whole = data.gradients.filter((gradient) => !gradient.name.includes("["));
  const shown = whole.slice(0, 4).map((gradient) => `${pretty(gradient.symbol)} = ${valueText(gradient.value)}`);
  if (whole.length > 4) shown.push(`and ${(whole.length - 4).toLocaleString("en")} more`);
  if (shown.length) facts.push(["gradient", shown, "g"]);
  if (data.agreement)
    facts.push([
      "central differences",
      pretty(
        data.agreement.replace(/^(?:both |all )?agrees?(?: with central differences)?/, "agree").replace("agree exactly", "agree exactly"),
      ),
      "",
    ]);
  byId("facts").replaceChildren(
    ...facts.map(([what, text, colour]) =>
      el(
        "div",
        {},
        el("dt", {}, what),
        el(
          "dd",
          { class: colour },
          [text].flat().map((one) => el("span", {}, one)),
        ),
      ),
    ),
  );
}

function showLegend(data) {
  const kinds = new Set(data.boxes.map((box) => box.kind));
  const key = (kind) => {
    const sample = el("i");
    sample.style.background = `var(--${kind === "constant" || kind === "state" ? "input" : kind})`;
    if (kind === "lit") sample.style.borderWidth = "2.5px";
    return el("span", {}, sample, kind === "lit" ? "this step" : kind === "loss" && !data.loss ? pretty(data.of) : kind);
  };
  byId("legend").replaceChildren(
    el("span", { class: "v" }, "value"),
    el("span", { class: "g" }, `∂ gradient of ${pretty(data.of)}`),
    ...["input", "parameter", "state", "constant", "loss"].filter((kind) => kinds.has(kind)).map(key),
    key("lit"),
  );
}

// -- cost --------------------------------------------------------------------------------------------------------------

const MOST_SQUARES = 60;

function showCost(data) {
  const [n, p] = data.work;
  const count = (x, what) => `${x.toLocaleString("en")} ${what}${x === 1 ? "" : "s"}`;
  byId("cost-note").textContent = `n = ${count(n, "node")}, p = ${count(p, "parameter")}`;
  const squares = (...groups) => {
    const out = groups.map(([size, kind]) => Array.from({ length: size }, () => el("i", { class: kind })));
    return el(
      "div",
      { class: "squares", "aria-hidden": "true" },
      out.flatMap((group, k) => (k ? [el("i", { class: "gap" }), ...group] : group)),
    );
  };
  const row = (what, formula, steps) =>
    el(
      "p",
      { class: "cost-row" },
      el("span", {}, what),
      el("span", {}, `${formula} = `, el("b", {}, steps.toLocaleString("en")), " steps"),
    );
  const body = [row("one backward pass", "n + p", n + p)];
  if (n + p <= MOST_SQUARES) body.push(squares([n, ""], [p, "open"]));
  body.push(row("one derivative at a time", "n × p", n * p));
  if (n * p <= MOST_SQUARES * 2) body.push(squares(...Array.from({ length: Math.max(1, p) }, () => [p ? n : 0, "slow"])));
  if (data.timing) body.push(el("p", { class: "note" }, data.timing));
  body.push(
    el(
      "div",
      { class: "grown" },
      el("p", {}, el("b", {}, "The same, grown")),
      el("p", { class: "note" }, "10,000 nodes, 100,000 parameters (log scale)"),
      grown(),
    ),
  );
  byId("cost-body").replaceChildren(...body);
}

/** n + p beside n × p on a logarithmic axis, in which text keeps its size: places are parts of the width. */
function grown() {
  const at = (value) => `${(Math.log10(value) / 9) * 84 + 2}%`;
  const line = (value, y, text, kind) => [
    svg("line", { x1: "2%", x2: at(value), y1: y, y2: y, class: "thin" }),
    svg("circle", { cx: at(value), cy: y, r: 5, class: kind }),
    svg("text", { x: at(value), y: y - 10, "text-anchor": "end", class: kind }, text),
  ];
  const ticks = [
    [1, "1"],
    [1e3, "1,000"],
    [1e6, "10⁶"],
    [1e9, "10⁹"],
  ].flatMap(([value, text]) => [
    svg("line", { x1: at(value), x2: at(value), y1: 86, y2: 91, class: "axis" }),
    svg("text", { x: at(value), y: 106, "text-anchor": "middle" }, text),
  ]);
  return svg(
    "svg",
    { role: "img", "aria-label": "n + p is 110,000 steps, n × p is 1,000,000,000 steps" },
    ...line(110000, 28, "n + p = 110,000", "quick"),
    ...line(1e9, 66, "n × p = 1,000,000,000", "slow"),
    svg("line", { x1: "2%", x2: "86%", y1: 86, y2: 86, class: "axis" }),
    ...ticks,
  );
}

// -- the start ---------------------------------------------------------------------------------------------------------

let panel; // what "Try a value" holds, for whoever wants to look

function start() {
  const detail = new Detail();
  const diagram = new Diagram();
  panel = new TryPanel();
  const listeners = [];
  const stepper = new Stepper(listeners);
  const table = new StepTable(stepper);
  listeners.push(
    (at) => diagram.show(at),
    (at) => table.mark(at),
    (at) => detail.current(at),
    remember,
  );
  const load = (k) => {
    const data = ledgers[k];
    byId("which").textContent = data.row;
    showFacts(data);
    showLegend(data);
    showCost(data);
    detail.load(data);
    stepper.load(data);
    diagram.load(data, detail);
    table.load(data);
    panel.load(data);
    stepper.go(remembered() ?? data.steps.length);
  };
  ledgers.forEach(revived);
  if (ledgers.length > 1) showUpdates(load);
  addEventListener("resize", () => stepper.thin());
  addEventListener("hashchange", () => stepper.go(remembered() ?? stepper.at));
  load(0);
  document.documentElement.dataset.ready = "true";
}

/** A button for each of several successive updates. */
function showUpdates(load) {
  const holder = byId("updates");
  holder.hidden = false;
  const buttons = ledgers.map((data, k) =>
    el("button", { type: "button", "aria-pressed": String(k === 0), click: () => pick(k) }, `update ${k + 1}`),
  );
  const pick = (k) => {
    buttons.forEach((button, j) => button.setAttribute("aria-pressed", String(j === k)));
    load(k);
  };
  holder.append(...buttons);
}

let remembering = 0;

/** The step is part of the address, so that a link leads to it. It is written when the steps rest: browsers complain of one that changes all the time. */
function remember(at) {
  clearTimeout(remembering);
  remembering = setTimeout(() => {
    try {
      history.replaceState(null, "", `#step=${at}`);
    } catch {
      /* a page inside another has no address of its own */
    }
  }, 120);
}

function remembered() {
  const found = /^#step=(\d{1,7})$/.exec(location.hash);
  return found ? Number(found[1]) : null;
}

start();
