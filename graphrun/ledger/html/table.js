// The table of all steps: sorted by any column, searched, and where there are many of them only those in view are in the page.

const MANY = 400; // steps from which on only those in view are in the page
const LONG = 60; // and those from which on the table scrolls by itself
const PRINTABLE = 3000; // rows that are printed
const NARROW = 440; // pixels below which a row is a card
const HIGH = 46; // pixels of such a row

class StepTable {
  constructor(stepper) {
    this.stepper = stepper;
    byId("search").addEventListener("input", () => this.search());
    new ResizeObserver(() => requestAnimationFrame(() => this.fit())).observe(byId("ledger"));
    addEventListener("beforeprint", () => this.print());
    addEventListener("afterprint", () => this.search());
  }

  load(data) {
    this.data = data;
    this.checks = new Map(Object.entries(data.checks));
    this.rows = data.steps.map((step, k) => tableRow(data, step, k + 1, this.checks));
    const checked = this.checks.size > 0;
    const how = `Central difference: (${data.of}(v + h) - ${data.of}(v - h)) / 2h, in float64. ✓ relative error below 1e-6.`;
    const notes = [...data.kinks, ...(checked ? [how] : [])];
    byId("check-note").hidden = !notes.length;
    byId("check-note").replaceChildren(...notes.map((note) => el("span", {}, pretty(note))));
    this.columns = [
      { key: "number", head: "step", right: true },
      { key: "of", head: "of" },
      { key: "formula", head: "formula" },
      { key: "numbers", head: "in numbers", narrowOut: true },
      { key: "result", head: "result", right: true },
      ...(checked
        ? [
            { key: "difference", head: "central difference", right: true, narrowOut: true },
            { key: "error", head: "rel. error", right: true, narrowOut: true },
          ]
        : []),
    ];
    this.sorted = { key: "number", down: false };
    this.virtual = this.rows.length > MANY;
    this.build();
    byId("search").value = "";
    this.search();
  }

  build() {
    const holder = byId("table");
    holder.classList.remove("stacked");
    holder.classList.toggle("virtual", this.virtual);
    holder.classList.toggle("long", !this.virtual && this.rows.length > LONG);
    this.heads = this.columns.map((column) => {
      const button = el("button", { type: "button", class: "th", click: () => this.sort(column.key) }, column.head);
      return el("th", { scope: "col", role: "columnheader", class: classes(column) }, button);
    });
    this.body = el("tbody");
    const table = el(
      "table",
      { role: "table", "aria-rowcount": this.rows.length + 1 },
      el("thead", {}, el("tr", {}, this.heads)),
      this.body,
    );
    holder.replaceChildren(table);
    if (this.virtual) {
      holder.tabIndex = 0;
      holder.setAttribute("role", "region");
      holder.setAttribute("aria-label", "All steps");
      table.style.tableLayout = "fixed";
      this.heads[0].style.width = "84px";
      holder.onscroll = () => this.draw();
    }
  }

  sort(key) {
    this.sorted = { key, down: this.sorted.key === key && !this.sorted.down };
    this.search();
  }

  search() {
    const words = plain(byId("search").value).split(/\s+/).filter(Boolean);
    this.shown = this.rows.filter((row) => words.every((word) => row.text.includes(word)));
    const { key, down } = this.sorted;
    if (key !== "number" || down) {
      const sortable = (row) => row.sort[key];
      this.shown.sort((a, b) => compare(sortable(a), sortable(b)) || a.number - b.number);
      if (down) this.shown.reverse();
    }
    this.heads.forEach((head, k) => {
      const mine = this.columns[k].key === key;
      if (mine) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
      head.firstChild.textContent = this.columns[k].head + (mine && (key !== "number" || down) ? (down ? " ↓" : " ↑") : "");
    });
    const all = this.rows.length.toLocaleString("en");
    byId("found").textContent = words.length
      ? `${this.shown.length.toLocaleString("en")} of ${all} steps`
      : this.virtual
        ? `${all} steps`
        : "";
    this.drawn = "";
    this.draw();
  }

  draw() {
    if (!this.virtual) {
      this.body.replaceChildren(...this.grouped());
      this.fit();
      return;
    }
    const holder = byId("table");
    const high = holder.clientHeight || 600;
    const first = Math.max(0, Math.floor(holder.scrollTop / HIGH) - 10);
    const last = Math.min(this.shown.length, first + Math.ceil(high / HIGH) + 20);
    const mark = `${first} ${last} ${this.stepper.at}`;
    if (mark === this.drawn) return;
    this.drawn = mark;
    const rows = this.shown.slice(first, last).map((row) => this.row(row));
    this.body.replaceChildren(this.space(first), ...rows, this.space(this.shown.length - last));
  }

  /** Makes each row a card where the columns do not fit side by side. */
  fit() {
    if (this.virtual) return;
    const holder = byId("table");
    holder.classList.remove("stacked");
    const narrow = holder.clientWidth < NARROW || holder.firstChild.offsetWidth > holder.clientWidth;
    holder.classList.toggle("stacked", narrow);
    const now = this.shown.find((row) => row.number === this.stepper.at);
    if (now?.line) this.reveal(now.line);
  }

  /** All rows in view or not, up to a bound. */
  print() {
    byId("table").classList.remove("stacked");
    if (this.virtual) this.body.replaceChildren(...this.shown.slice(0, PRINTABLE).map((row) => this.row(row)));
  }

  space(count) {
    const cell = el("td", { colspan: this.columns.length });
    const row = el("tr", { "aria-hidden": "true" }, cell);
    cell.style.cssText = `height: ${count * HIGH}px; padding: 0; border: 0`;
    return row;
  }

  /** All rows; in the order of the steps under two headings. */
  grouped() {
    if (this.sorted.key !== "number" || this.sorted.down) return this.shown.map((row) => this.row(row));
    const out = [];
    let pass = "";
    for (const row of this.shown) {
      if (row.pass !== pass) {
        pass = row.pass;
        const text = pass === "forward" ? ", left to right: values" : `, right to left: gradients of ${pretty(this.data.of)}`;
        const name = pass === "forward" ? "Forward" : "Backward";
        out.push(
          el(
            "tr",
            { class: `group ${pass}`, role: "row" },
            el("th", { role: "rowheader", colspan: this.columns.length, scope: "rowgroup" }, el("b", {}, name), text),
          ),
        );
      }
      out.push(this.row(row));
    }
    return out;
  }

  row(row) {
    const at = row.number === this.stepper.at;
    const cells = this.columns.map((column) => {
      const text = row[column.key];
      if (column.key === "number") {
        const button = el("button", { type: "button", class: "go", "aria-label": `Go to step ${row.number}` }, String(row.number));
        return el("td", { class: "right", role: "cell" }, button);
      }
      const result = `result ${row.pass === "forward" ? "v" : "g"}${row.array ? " array" : ""}`;
      const more = column.key === "of" ? "of" : column.key === "result" ? result : "";
      return el("td", { class: `${classes(column)} ${more}`, role: "cell", title: this.virtual ? text : null }, text);
    });
    const line = el(
      "tr",
      { class: `step${at ? " at" : ""}`, role: "row", "aria-current": at ? "step" : null, click: () => this.stepper.go(row.number) },
      cells,
    );
    if (this.virtual) line.setAttribute("aria-rowindex", row.number + 1);
    row.line = line;
    return line;
  }

  /** Marks the current step, and in a long table brings it into view. */
  mark(at) {
    if (this.virtual) {
      const k = this.shown.findIndex((row) => row.number === at);
      const holder = byId("table");
      if (k >= 0 && (k * HIGH < holder.scrollTop || (k + 2) * HIGH > holder.scrollTop + holder.clientHeight)) {
        holder.scrollTop = Math.max(0, k * HIGH - holder.clientHeight / 2);
      }
      this.draw();
      return;
    }
    for (const row of this.shown) {
      const mine = row.number === at;
      row.line.classList.toggle("at", mine);
      if (mine) row.line.setAttribute("aria-current", "step");
      else row.line.removeAttribute("aria-current");
      if (mine) this.reveal(row.line);
    }
  }

  /** Scrolls the table, and nothing around it, so far that a line of it is seen. */
  reveal(line) {
    const holder = byId("table");
    if (!holder.classList.contains("long") || !line.isConnected) return;
    const [here, box] = [line.getBoundingClientRect(), holder.getBoundingClientRect()];
    const top = here.top - box.top;
    if (top < 40 || top + here.height > holder.clientHeight) holder.scrollTop += top - (holder.clientHeight - here.height) / 2;
  }
}

function classes(column) {
  const equal = column.key === "formula" || column.key === "numbers" ? " equal" : "";
  const checked = column.key === "difference" || column.key === "error" ? " checked" : "";
  return `${column.right ? "right" : ""}${column.narrowOut ? " narrow-out" : ""}${equal}${checked}`.trim();
}

function compare(a, b) {
  if (isNumber(a) && isNumber(b)) return a - b;
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function tableRow(data, step, at, checks) {
  const box = data.boxes[step.box];
  const forward = step.pass === "forward";
  const value = forward ? box.value : box.gradient;
  const parts = forward ? [box.formula, step.numbers] : step.parts.length ? step.parts : [step.terms.length ? "" : "1"];
  const check = (forward ? null : checks.get(box.name)) ?? {};
  const row = {
    number: at,
    pass: step.pass,
    of: stepTitle(data, step),
    formula: pretty(parts[0] ?? ""),
    numbers: pretty(parts.slice(1).filter(Boolean).join(" = ") || step.shapes || ""),
    result: valueText(value),
    array: Array.isArray(value),
    difference: isNumber(check.difference) ? number(check.difference, 13) : "",
    error: errorText(check),
  };
  row.text = plain(`${row.of} ${box.name} ${parts.join(" ")} ${row.numbers} ${row.result}`);
  row.sort = {
    number: at,
    of: row.of,
    formula: row.formula,
    numbers: row.numbers,
    result: isNumber(value) ? value : row.result,
    difference: check.difference ?? "",
    error: check.error ?? "",
  };
  return row;
}

/** A text as it is searched: w1 finds w₁, -4 finds −4. */
function plain(text) {
  return text
    .toLowerCase()
    .replaceAll("−", "-")
    .replace(/[₀-₉]/g, (digit) => SUBSCRIPTS.indexOf(digit));
}

function errorText({ error, kink }) {
  if (kink) return "kink";
  if (!isNumber(error)) return "";
  const digits = error === 0 ? "0" : pretty(error.toExponential(1));
  return `${error < 1e-6 ? "✓" : "✗"} ${digits}`;
}
