// What a step says: its title, the equation in large, and its sentence.

/** The name of what a step finds: `c`, `∂J/∂c`; short for the slider: `∂c`. */
function stepTitle(data, step, short = false) {
  const name = data.boxes[step.box].name;
  if (step.pass === "forward") return pretty(name);
  return short ? `∂${pretty(name)}` : partial(data.of, name);
}

/** The formula of a box, or nothing for a leaf. */
const definition = (box) => (box.formula ? `${pretty(box.name)} = ${pretty(box.formula)}` : pretty(box.name));

function part(face, kind, amount, said, colour = "g") {
  const long = typeof face === "string" && face.length > 12;
  const top = el("div", { class: `face ${kind}${long ? " long" : ""}` }, face);
  return el(
    "div",
    { class: "part" },
    top,
    amount ? el("span", { class: `amount ${colour}` }, amount) : null,
    said ? el("span", { class: "said" }, said) : null,
  );
}

function sign(text, repeated = true) {
  return el("div", { class: "part" }, el("div", { class: "sign" }, text), repeated ? el("span", { class: "amount" }, text) : null);
}

/** The equation of a step as elements. `known` gives, for a box, the number of the step that found its gradient. */
function equationParts(data, step, known) {
  const box = data.boxes[step.box];
  if (step.pass === "forward") {
    const result = part(pretty(box.name), "here", valueText(box.value), "", "v");
    if (!box.formula) return [result];
    return [result, sign("="), part(pretty(box.formula), "", pretty(step.numbers), "", "v")];
  }
  const here = part(fraction(data.of, box.name), "here", valueText(box.gradient), "arrives here");
  if (!step.terms.length) return [here, sign("="), part("1", "", "1", "the backward pass begins")];
  const scalar = step.terms.every((term) => term.value !== null && isNumber(box.gradient));
  if (!scalar || step.terms.length > 3) {
    const faces = step.parts.slice(0, scalar ? 2 : 1).map((text) => part(pretty(text), "", scalar ? "" : pretty(step.shapes), ""));
    return [here, ...faces.flatMap((face) => [sign("=", false), face])];
  }
  const out = [here];
  for (const [k, term] of step.terms.entries()) {
    out.push(sign(k ? "+" : "="));
    const user = data.boxes[term.of];
    const face = term.direct ? pretty(term.formula) : fraction(user.name, box.name);
    const local = part(face, "arriving", factorText(number(term.value)), `${term.direct ? "read off" : "local:"} ${definition(user)}`);
    if (!term.direct)
      out.push(part(fraction(data.of, user.name), "arriving", valueText(user.gradient), `known from step ${known(term.of)}`), sign("·"));
    out.push(local);
  }
  return out;
}

/** A sentence with its numbers in bold. */
function emphasised(text) {
  const numbers = /((?<=^|[\s(])−?\d+(?:\.\d+)?(?:e[−+]\d+)?(?=[\s:,;).]|$))/;
  return text.split(numbers).map((piece, k) => (k % 2 ? el("b", {}, piece) : piece));
}
