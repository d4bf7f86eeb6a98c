"use strict";
// Small helpers. Whatever comes from a spec reaches the page as text (`textContent`), never as markup.

const byId = (id) => document.getElementById(id);

/** An element with attributes (`class`, `aria-…`; a function is a listener) and children (elements and texts). */
function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

// -- texts ---------------------------------------------------------------------------------------------------------

const SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉";

/** A formula as pictures write it: w₁ for w1, ŷ for hat_y, a true minus. */
function pretty(text) {
  return String(text)
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]+/g, " ")
    .replace(/(?<![\p{L}\p{N}_.#@'])hat_(\p{L})(?![\p{L}\p{N}_@'(]|\.[\p{L}\p{N}_])/gu, (all, letter) => `${letter}\u0302`.normalize("NFC"))
    .replace(
      /(?<![\p{L}\p{N}_.#@'])(\p{L})(\d+)(?![\p{L}\p{N}_@'(]|\.[\p{L}\p{N}_])/gu,
      (all, letter, digits) => letter + [...digits].map((digit) => SUBSCRIPTS[digit]).join(""),
    )
    .replace(/-(?!>)/g, "−");
}

/** A number with as many digits as carry meaning: whole ones in full, others to six significant digits, as Python's %g writes them. */
function number(x, digits = 6) {
  if (typeof x === "boolean") return String(x);
  if (typeof x !== "number") return pretty(x ?? "…");
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x > 0 ? "inf" : "−inf";
  if (Number.isInteger(x) && Math.abs(x) < 1e15) return pretty(Object.is(x, -0) ? 0 : x);
  const [mantissa, power] = rounded(Math.abs(x), digits);
  const sign = x < 0 ? "−" : "";
  const cut = mantissa.replace(/0+$/, "");
  if (power < -4 || power >= digits) {
    const fraction = cut.length > 1 ? `.${cut.slice(1)}` : "";
    return `${sign}${cut[0]}${fraction}e${power < 0 ? "−" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${cut}`;
  const whole = mantissa.slice(0, power + 1);
  return sign + (cut.length > power + 1 ? `${whole}.${cut.slice(power + 1)}` : whole);
}

/** The digits of a positive number and its power of ten; a tie goes to the even digit. */
function rounded(x, digits) {
  const [long, exponent] = x.toExponential(60).split("e");
  const all = long.replace(".", "");
  if (/^50*$/.test(all.slice(digits)) && Number(all[digits - 1]) % 2 === 0) return [all.slice(0, digits), Number(exponent)];
  const [mantissa, power] = x.toExponential(digits - 1).split("e");
  return [mantissa.replace(".", ""), Number(power)];
}

/** A value of the data as text: a number, or what describes an array. */
function valueText(value, digits = 6) {
  if (Array.isArray(value)) return pretty(value[0]);
  return value === null || value === undefined ? "" : number(value, digits);
}

/** The same for a small place: a number with five digits, a long array by its shape and size alone. */
function shortText(value) {
  return Array.isArray(value) && value.length > 1 && value[0].length > 20 ? pretty(value[1]) : valueText(value, 5);
}

/** A number as a factor: in brackets where it begins with a minus. */
function factorText(text) {
  return text.startsWith("−") ? `(${text})` : text;
}

const isNumber = (value) => typeof value === "number";

/** ∂J/∂w as text. */
function partial(of, by) {
  return `∂${pretty(of)}/∂${pretty(by)}`;
}

/** ∂J over ∂w, as a fraction. */
function fraction(of, by) {
  return el("span", { class: "fraction" }, el("span", {}, `∂${pretty(of)}`), el("span", {}, `∂${pretty(by)}`));
}

/** Whether the reader asked for less motion. */
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
