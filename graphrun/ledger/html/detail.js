// What is said of a box that is pointed at, tapped or focused: formula, value, local derivatives, gradient, line of the spec.

class Detail {
  constructor() {
    this.card = byId("detail");
    this.of = null;
    this.line = null;
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.hide());
    document.addEventListener("pointerdown", (event) => {
      if (this.of && !event.target.closest(".box, .detail")) this.hide();
    });
    this.card.addEventListener("pointerleave", () => this.leave());
  }

  load(data) {
    this.data = data;
    this.hide();
    this.local = new Map(); // box → the local derivatives by what it is made of
    for (const step of data.steps) {
      for (const term of step.terms ?? []) {
        if (!this.local.has(term.of)) this.local.set(term.of, []);
        this.local.get(term.of).push([step.box, term]);
      }
    }
  }

  attach(element, k) {
    element.addEventListener("pointerenter", () => this.show(element, k));
    element.addEventListener("focus", () => this.show(element, k));
    element.addEventListener("click", () => this.show(element, k));
    element.addEventListener("blur", () => this.hide());
    element.addEventListener("pointerleave", (event) => this.leave(event));
  }

  /** Hides the card when the pointer goes elsewhere than onto it. */
  leave(event) {
    if (event?.relatedTarget?.closest?.(".detail") || document.activeElement === this.of) return;
    this.hide();
  }

  hide() {
    this.of?.removeAttribute("aria-describedby");
    this.of = null;
    this.card.hidden = true;
    markSpec(this.line);
  }

  /** Marks the line of the spec that the current step comes from. */
  current(at) {
    this.line = this.data.boxes[this.data.steps[at - 1].box].line;
    if (!this.of) markSpec(this.line);
  }

  show(element, k) {
    if (this.of === element) return;
    this.hide();
    this.of = element;
    const box = this.data.boxes[k];
    this.card.replaceChildren(el("h4", {}, pretty(box.name)), this.list(box, k));
    this.card.hidden = false;
    element.setAttribute("aria-describedby", "detail");
    this.stand(element);
    markSpec(box.line);
  }

  list(box, k) {
    const rows = [];
    const add = (what, text, colour = "") => text && rows.push(el("dt", {}, what), el("dd", { class: colour }, text));
    add("what", box.kind === "step" || (box.kind === "loss" && !this.data.loss) ? "" : box.kind);
    add("formula", box.formula ? definition(box) : "");
    add("type", box.type);
    add("value", valueText(box.value), "v");
    for (const [by, term] of this.local.get(k) ?? []) {
      const formula = pretty(term.formula);
      const amount = term.value === null ? "" : number(term.value);
      add(partial(box.name, this.data.boxes[by].name), !amount || formula === amount ? formula : `${formula} = ${amount}`);
    }
    if (box.gradient !== undefined) add(partial(this.data.of, box.name), valueText(box.gradient), "g");
    if (box.line) add("spec", `${this.data.path ? `${this.data.path}, ` : ""}line ${box.line}`);
    return el("dl", {}, rows);
  }

  stand(element) {
    const at = element.getBoundingClientRect();
    const card = this.card.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(at.left + at.width / 2 - card.width / 2, width - card.width - 8));
    const below = at.bottom + 8;
    const top = below + card.height > innerHeight && at.top - card.height - 8 > 0 ? at.top - card.height - 8 : below;
    this.card.style.left = `${left + scrollX}px`;
    this.card.style.top = `${top + scrollY}px`;
  }
}

/** Marks a line of the spec. */
function markSpec(line) {
  const lines = byId("spec-lines")?.children ?? [];
  for (const one of document.querySelectorAll("#spec-lines .at")) one.classList.remove("at");
  const found = line ? lines[line - 1] : null;
  if (!found) return;
  found.classList.add("at");
  const holder = found.parentElement.parentElement;
  const off = found.offsetTop - holder.offsetTop;
  if (off < holder.scrollTop || off > holder.scrollTop + holder.clientHeight - 30) holder.scrollTop = off - holder.clientHeight / 2;
}
