// Walks through the steps: buttons, slider, keys, play. A step's number counts from 1; all that stands before it is filled in.

const ICONS = {
  first: "M3 3h2v12H3zM15 3v12L6 9z",
  back: "M13 3v12L4 9z",
  play: "M4 2v14l11-7z",
  pause: "M4 3h4v12H4zM11 3h4v12h-4z",
  next: "M5 3v12l9-6z",
  last: "M13 3h2v12h-2zM3 3v12l9-6z",
};
const PACE = 1600; // milliseconds between steps while playing
const MOST_DOTS = 18;

function icon(name) {
  return svg("svg", { viewBox: "0 0 18 18", "aria-hidden": "true", width: 18, height: 18 }, svg("path", { d: ICONS[name] }));
}

class Stepper {
  /** `listeners` are told (step number, data) whenever it moves. */
  constructor(listeners) {
    this.listeners = listeners;
    this.at = 0;
    this.timer = 0;
    for (const name of ["first", "back", "next", "last"]) byId(name).append(icon(name));
    byId("play").querySelector(".icon").append(icon("play"));
    byId("first").addEventListener("click", () => this.go(1));
    byId("back").addEventListener("click", () => this.go(this.at - 1));
    byId("next").addEventListener("click", () => this.go(this.at + 1));
    byId("last").addEventListener("click", () => this.go(this.count));
    byId("play").addEventListener("click", () => this.toggle());
    byId("range").addEventListener("input", () => this.go(Number(byId("range").value)));
    document.addEventListener("keydown", (event) => this.key(event));
  }

  get count() {
    return this.data.steps.length;
  }

  load(data) {
    this.stop();
    this.data = data;
    this.found = new Map(); // box → the number of the step that finds its gradient
    data.steps.forEach((step, k) => step.pass === "backward" && this.found.set(step.box, k + 1));
    this.turn = data.steps.filter((step) => step.pass === "forward").length;
    byId("range").max = this.count;
    this.dots();
  }

  go(number, playing = false) {
    if (!playing) this.stop();
    this.at = Math.min(Math.max(Math.round(number) || 1, 1), this.count);
    this.show();
    for (const listener of this.listeners) listener(this.at);
  }

  // -- playing -----------------------------------------------------------------------------------------------------

  toggle() {
    if (this.timer) {
      this.stop();
      return;
    }
    this.go(this.at >= this.count ? 1 : this.at + 1, true);
    this.timer = setInterval(() => {
      this.go(this.at + 1, true);
      if (this.at >= this.count) this.stop();
    }, PACE);
    this.button("pause", "Pause");
    if (this.at >= this.count) this.stop();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.button("play", "Play");
  }

  button(name, word) {
    byId("play").querySelector(".icon").replaceChildren(icon(name));
    byId("play").querySelector(".word").textContent = word;
  }

  key(event) {
    const target = event.target;
    if (event.altKey || event.ctrlKey || event.metaKey || target.closest("input:not([type=range]), select, textarea, #run")) return;
    const inTable = target.closest(".virtual, .scroll");
    const moves = { ArrowLeft: this.at - 1, ArrowRight: this.at + 1, Home: 1, End: this.count };
    if (event.key in moves && !(inTable && event.key.length < 5)) this.go(moves[event.key]);
    else if (event.key === " " && !target.closest("button, summary")) this.toggle();
    else return;
    event.preventDefault();
  }

  // -- what is shown -----------------------------------------------------------------------------------------------

  dots() {
    const holder = byId("dots");
    holder.replaceChildren();
    this.marks = [];
    if (this.count > MOST_DOTS) {
      this.marks = null;
      holder.append(el("span", { class: "dot at" }));
      return;
    }
    this.data.steps.forEach((step, k) => {
      const dot = el("span", { class: "dot" });
      const mark = el("span", { class: "mark" }, stepTitle(this.data, step, true));
      dot.style.left = mark.style.left = `${this.part(k + 1) * 100}%`;
      this.marks.push([dot, mark, step.pass]);
      holder.append(dot, mark);
    });
    this.thin();
  }

  /** Hides the names under the dots where they would touch each other. */
  thin() {
    if (!this.marks) return;
    const names = this.marks.map(([, mark]) => mark);
    names.forEach((mark) => mark.classList.remove("hidden"));
    const places = names.map((mark) => mark.getBoundingClientRect());
    const crowded = places.some((place, k) => k > 0 && place.left < places[k - 1].right + 3);
    if (crowded) names.forEach((mark) => mark.classList.add("hidden"));
  }

  part(number) {
    return this.count > 1 ? (number - 1) / (this.count - 1) : 0;
  }

  show() {
    const step = this.data.steps[this.at - 1];
    const range = byId("range");
    const title = stepTitle(this.data, step);
    range.value = this.at;
    range.setAttribute("aria-valuetext", `step ${this.at} of ${this.count}: ${title}`);
    byId("first").disabled = byId("back").disabled = this.at === 1;
    byId("next").disabled = byId("last").disabled = this.at === this.count;
    const turn = this.part(Math.min(this.at, Math.max(this.turn, 1)));
    byId("filled-forward").style.width = `${turn * 100}%`;
    byId("filled-backward").style.left = `${turn * 100}%`;
    byId("filled-backward").style.width = `${(this.part(this.at) - turn) * 100}%`;
    if (this.marks) {
      this.marks.forEach(([dot, mark, pass], k) => {
        const state = k + 1 === this.at ? "at" : k + 1 < this.at ? "past" : "";
        dot.className = `dot ${pass} ${state}`;
        mark.classList.remove("at", "past", "forward", "backward");
        mark.classList.add(pass, ...(state === "at" ? ["at", "past"] : state ? [state] : []));
      });
    } else {
      const dot = byId("dots").firstChild;
      dot.style.left = `${this.part(this.at) * 100}%`;
      dot.className = `dot at ${step.pass}`;
    }
    byId("walk").classList.toggle("forward", step.pass === "forward");
    const way = step.pass === "forward" ? "forward, left to right" : "backward, right to left";
    byId("step-title").replaceChildren(`step ${this.at} of ${this.count}: ${title}`, el("span", { class: "way note" }, way));
    byId("equation").replaceChildren(...equationParts(this.data, step, (box) => this.found.get(box)));
    byId("sentence").replaceChildren(...emphasised(pretty(step.sentence)));
    byId("reading").textContent = pretty(this.reading(step));
  }

  /** The gradient that this step finds in words, and what was tried with it. */
  reading(step) {
    if (step.pass === "forward") return "";
    const name = this.data.boxes[step.box].name;
    return this.data.gradients.find((gradient) => gradient.name === name)?.reading ?? "";
  }
}
