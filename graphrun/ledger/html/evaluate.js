// Runs the program that the page carries: the graph of both passes, a number for each node.

/** A number that JSON has no word for came as "nan", "inf" or "-inf"; truth counts as 0 and 1. */
function readNumber(value) {
  if (typeof value !== "string") return Number(value);
  return value === "inf" ? Infinity : value === "-inf" ? -Infinity : NaN;
}

/** The names of operations in a program that the page does not know. */
function unknownOps(program) {
  return [...new Set(program.code.map((node) => node[0]))].filter((name) => name !== "leaf" && !Object.hasOwn(ops, name));
}

/** The value of every node; `given` maps leaves (by their number) to values in place of their own. */
function evaluate(program, given = new Map()) {
  const values = new Float64Array(program.code.length);
  for (let i = 0; i < values.length; i++) {
    const [name, operands, attributes, short] = program.code[i];
    let value;
    if (name === "leaf") value = given.has(i) ? given.get(i) : readNumber(operands);
    else if (operands.length === 1) value = ops[name](values[operands[0]], attributes);
    else if (operands.length === 2) value = ops[name](values[operands[0]], values[operands[1]], attributes);
    else value = ops[name](...operands.map((k) => values[k]), attributes);
    values[i] = short ? Math.fround(value) : value;
  }
  return values;
}
