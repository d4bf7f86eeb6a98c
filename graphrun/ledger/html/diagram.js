// The diagram: a button for every value, lines between them, and what flows back with the products that it carries.

const MOST_BOXES = 60; // a graph of more is not drawn here
const WIDE = 700; // pixels from which on the diagram may read from left to right
const TIGHT = 400; // pixels below which every one counts
const TALLEST = 760; // pixels above which the diagram scrolls by itself
const PRINTED = 690; // the width of a printed page

class Diagram {
  constructor() {
    this.holder = byId("diagram");
    this.seen = 0;
    new ResizeObserver(() => requestAnimationFrame(() => this.resized())).observe(byId("walk"));
    addEventListener("beforeprint", () => this.layout(PRINTED));
    addEventListener("afterprint", () => this.layout());
  }

  load(data, detail) {
    this.data = data;
    this.at = data.steps.length;
    this.folded = data.boxes.length > MOST_BOXES;
    this.holder.replaceChildren();
    byId("viewport").hidden = false;
    if (this.folded) {
      const count = data.boxes.length.toLocaleString("en");
      const folded = byId("picture") ? "the picture below shows the graph folded" : "a picture of it folded is made by graphrun render";
      this.holder.append(
        el("p", { class: "note" }, `The graph has ${count} boxes, too many to draw here: ${folded}. Every step is in the table.`),
      );
      return;
    }
    this.graph = layersOf(data.boxes);
    this.steps = new Map();
    data.steps.forEach((step, k) => this.steps.set(`${step.pass} ${step.box}`, k + 1));
    this.boxes = data.boxes.map((box, k) => this.box(box, k, detail));
    this.lines = [];
    this.picture = svg("svg", { "aria-hidden": "true" });
    this.holder.append(this.picture, ...this.boxes.map((box) => box.element));
    this.edges = this.edgesOf();
    this.layout();
  }

  // -- what there is -----------------------------------------------------------------------------------------------

  box(box, k, detail) {
    const value = slot("v", shortText(box.value), "…");
    const found = this.steps.get(`backward ${k}`);
    const gradient = found ? slot("g", `∂ ${shortText(box.gradient)}`, "∂ …") : null;
    const long = shortText(box.value).length + (gradient ? shortText(box.gradient).length : 0) > 11;
    const numbers = el("span", { class: `numbers${long ? " stacked" : ""}` }, value, gradient);
    const formula = box.formula ? el("span", { class: "formula" }, pretty(box.formula)) : null;
    const element = el(
      "button",
      { type: "button", class: `box ${box.kind}${box.uses.length ? "" : " leaf"}`, "aria-label": label(this.data, box) },
      el("span", { class: "name" }, pretty(box.name)),
      formula,
      numbers,
    );
    detail.attach(element, k);
    return { element, value, gradient, computed: this.steps.get(`forward ${k}`), found };
  }

  /** The lines: from each box to those that use it, with what is handed back along it. */
  edgesOf() {
    const edges = new Map();
    this.data.boxes.forEach((box, k) => {
      for (const j of box.uses) edges.set(`${k}>${j}`, { from: j, to: k });
    });
    this.data.steps.forEach((step, k) => {
      if (step.pass !== "backward") return;
      for (const term of step.terms) {
        const edge = edges.get(`${term.of}>${step.box}`);
        if (edge) Object.assign(edge, { term, step: k + 1, ...this.tags(step, term, k + 1) });
      }
    });
    return edges;
  }

  tags(step, term, at) {
    const { of, boxes } = this.data;
    const [box, user] = [boxes[step.box], boxes[term.of]];
    const scalar = term.value !== null && isNumber(user.gradient);
    const symbols = scalar ? `${partial(of, user.name)} · ${partial(user.name, box.name)}` : partial(of, box.name);
    const arriving = shortText(user.gradient);
    const product = scalar
      ? `${arriving} · ${factorText(number(term.value, 5))} = ${number(user.gradient * term.value, 5)}`
      : shortText(box.gradient);
    const handed = el(
      "div",
      { class: "tag handed", "aria-hidden": "true" },
      el("span", {}, symbols),
      el("b", {}, slot("", product, `step ${at}`)),
    );
    const formula = pretty(term.formula);
    const amount = scalar ? number(term.value, 5) : "";
    const hung = box.uses.length === 0 && this.graph.at.get(step.box) === undefined;
    const local =
      scalar && this.graph.single && !hung
        ? el("div", { class: "tag local", "aria-hidden": "true" }, ...localText(partial(user.name, box.name), formula, amount))
        : null;
    this.holder.append(handed, ...(local ? [local] : []));
    return { handed, local };
  }

  // -- where it stands ---------------------------------------------------------------------------------------------

  resized() {
    const width = byId("walk").clientWidth;
    if (width === this.seen) return;
    this.seen = width;
    if (this.data && !this.folded) this.layout();
  }

  layout(forced = 0) {
    if (this.folded || !this.data) return;
    const walk = byId("walk");
    walk.classList.remove("side");
    const room = forced || byId("stage").clientWidth;
    let placed = room >= WIDE || forced ? widePlaces(this.graph, ...this.measured(false, room), room) : null;
    if (placed === null || placed.width > room) {
      const beside = room >= 860 && !forced;
      placed = tallPlaces(this.graph, ...this.measured(!this.graph.single, room), beside ? 520 : Math.min(room, 480));
      walk.classList.toggle("side", beside);
    }
    const tall = !forced && placed.height > TALLEST;
    const viewport = byId("viewport");
    viewport.classList.toggle("tall", tall);
    if (tall) viewport.tabIndex = 0;
    else viewport.removeAttribute("tabindex");
    this.place(placed);
    this.show(this.at);
  }

  /** The sizes of boxes, products and local derivatives, with all of them shown; `slim` puts the gradients of leaves under their values. */
  measured(slim, room) {
    this.holder.classList.toggle("slim", slim);
    this.holder.classList.add("measuring");
    this.holder.classList.toggle("tight", room < TIGHT);
    for (const { element } of this.boxes) element.style.width = element.style.height = "";
    const notes = new Map();
    const locals = new Map();
    for (const [key, edge] of this.edges) {
      if (edge.handed) notes.set(key, size(edge.handed));
      if (edge.local) locals.set(key, size(edge.local));
    }
    const sizes = this.sizes();
    this.holder.classList.remove("measuring");
    return [sizes, notes, locals];
  }

  /** The sizes of all boxes; leaves are equally wide as far as that takes little room. */
  sizes() {
    const found = this.boxes.map((box) => size(box.element));
    const leaves = found.filter((one, k) => !this.data.boxes[k].uses.length && one.w <= 96);
    const widest = Math.max(0, ...leaves.map((one) => one.w));
    for (const one of leaves) one.w = widest;
    const ways = [...this.graph.ways.values()].flat().map((name) => [name, { w: 20, h: 20 }]);
    return { ...found, ...Object.fromEntries(ways) };
  }

  place(placed) {
    this.holder.style.width = `${placed.width}px`;
    this.holder.style.height = `${placed.height}px`;
    this.picture.setAttribute("width", placed.width);
    this.picture.setAttribute("height", placed.height);
    this.picture.replaceChildren();
    for (const [k, at] of placed.boxes) {
      if (typeof k === "string") continue; // only a line passes there
      const { style } = this.boxes[k].element;
      style.width = `${at.w}px`;
      style.height = `${at.h}px`;
      style.left = `${at.x - at.w / 2}px`;
      style.top = `${at.y - at.h / 2}px`;
    }
    const always = this.graph.single && (placed.across || placed.written);
    this.holder.classList.add("measuring");
    for (const edge of this.edges.values()) {
      const way = wayOf(placed, this.graph, edge);
      edge.line = this.line(way.forward, "");
      edge.always = always;
      if (!edge.handed) continue;
      edge.back = this.line(way.back, "way");
      stand(edge.handed, way.note, placed.width);
      edge.top = parseFloat(edge.handed.style.top);
      if (edge.local) stand(edge.local, way.local, placed.width);
    }
    this.holder.classList.remove("measuring");
  }

  line(points, kind) {
    const path = svg("path", { d: pathOf(points), class: kind });
    const head = svg("polygon", { points: headOf(points), class: kind });
    this.picture.append(path, head);
    return [path, head];
  }

  // -- what is lit -------------------------------------------------------------------------------------------------

  show(at) {
    this.at = at;
    if (this.folded) return;
    const step = this.data.steps[at - 1];
    const backward = step.pass === "backward";
    const using = new Set(backward ? step.terms.map((term) => term.of) : this.data.boxes[step.box].uses);
    this.boxes.forEach((box, k) => {
      box.element.classList.toggle("current", k === step.box);
      box.element.classList.toggle("using", using.has(k));
      box.value.classList.toggle("pending", Boolean(box.computed) && box.computed > at);
      box.value.firstChild.classList.toggle("now", k === step.box && !backward);
      if (!box.gradient) return;
      box.gradient.classList.toggle("pending", box.found > at);
      box.gradient.firstChild.classList.toggle("now", k === step.box && backward);
    });
    for (const edge of this.edges.values()) this.light(edge, step, at, backward);
    this.part();
    this.follow(step.box);
  }

  /** Products that are shown together and would cover each other go below each other. */
  part() {
    const shown = [...this.edges.values()].filter((edge) => edge.handed?.classList.contains("current"));
    const stood = [];
    for (const edge of shown.sort((a, b) => a.top - b.top)) {
      const { style, offsetLeft: left, offsetWidth: w, offsetHeight: h } = edge.handed;
      let top = edge.top;
      for (const one of stood) {
        const meets = left < one.left + one.w && one.left < left + w && top < one.top + one.h && one.top < top + h;
        if (meets) top = one.top + one.h + 2;
      }
      style.top = `${top}px`;
      stood.push({ left, top, w, h });
      stood.sort((a, b) => a.top - b.top);
    }
  }

  light(edge, step, at, backward) {
    const lit = !backward && edge.to === step.box;
    for (const part of edge.line) part.classList.toggle("lit", lit);
    if (!edge.handed) return;
    const current = backward && edge.from === step.box;
    for (const part of edge.back) {
      part.classList.toggle("current", current);
      part.classList.toggle("done", edge.step <= at);
    }
    edge.handed.hidden = !edge.always && !current;
    edge.handed.classList.toggle("current", current);
    edge.handed.classList.toggle("waiting", edge.step > at);
    edge.handed.querySelector(".slot").classList.toggle("pending", edge.step > at);
    if (!edge.local) return;
    edge.local.hidden = !edge.always;
    edge.local.classList.toggle("current", current);
  }

  /** Brings the current box into view where the diagram is scrolled by itself. */
  follow(k) {
    const viewport = byId("viewport");
    if (!viewport.classList.contains("tall")) return;
    const box = this.boxes[k].element;
    const top = box.offsetTop - viewport.clientHeight / 2 + box.offsetHeight / 2;
    viewport.scrollTo({ top, behavior: calm() ? "auto" : "smooth" });
  }
}

const size = (element) => ({ w: Math.ceil(element.offsetWidth) + 1, h: element.offsetHeight });

/** A text that is still to come and keeps its room. */
function slot(kind, text, still) {
  return el(
    "span",
    { class: "slot" },
    el("span", { class: `final ${kind}` }, text),
    el("span", { class: "still", "aria-hidden": "true" }, still),
  );
}

function label(data, box) {
  const parts = [pretty(box.name), box.formula ? `is ${pretty(box.formula)}` : box.kind, `value ${valueText(box.value)}`];
  if (box.gradient !== undefined && box.kind !== "input") parts.push(`gradient of ${pretty(data.of)} ${valueText(box.gradient)}`);
  return parts.join(", ");
}

function localText(symbol, formula, amount) {
  const text = formula === amount || !formula ? `= ${amount}` : `= ${formula} = ${amount}`;
  if (symbol.length + text.length <= 13) return [`${symbol} ${text}`];
  return [el("span", {}, symbol), text.length <= 18 ? text : `= ${amount}`];
}
