// The lines of the diagram: from where to where, with the places of what is written beside them.

/** The ways of an edge: `forward` and `back` as points, and the middles of the product (`note`) and of the local derivative (`local`). */
function wayOf(placed, graph, edge) {
  const from = placed.boxes.get(edge.from);
  const to = placed.boxes.get(edge.to);
  if (from.side !== undefined)
    return placed.across || placed.left === undefined ? hungWay(from, to, placed.across && graph.single) : leftWay(from, to, placed.left);
  const between = (graph.ways.get(`${edge.to}>${edge.from}`) ?? []).map((name) => placed.boxes.get(name));
  if (placed.across) return acrossWay(from, to, placed, graph.single, between);
  return downWay(from, to, placed, placed.left !== undefined, between);
}

/** From a box above its step. */
function hungWay(from, to, single) {
  const inner = to.w / 2 - 14;
  const x = to.x + Math.min(Math.max(from.x - to.x, -inner), inner);
  const [top, bottom] = [from.y + from.h / 2, to.y - to.h / 2];
  const off = 12 * (from.side < 0 ? -1 : 1);
  const middle = { x: (from.x + x) / 2, y: (top + bottom) / 2 };
  const note = single
    ? { x: Math.max(from.x * Math.sign(off), x * Math.sign(off)) * Math.sign(off) + off * 1.6, y: middle.y, align: Math.sign(off) }
    : middle;
  return {
    forward: [
      [from.x, top],
      [x, bottom],
    ],
    back: [
      [x + off, bottom],
      [from.x + off, top],
    ],
    note,
    local: middle,
  };
}

/** From a box on the left of its step, on a narrow page. */
function leftWay(from, to, start) {
  const [left, right] = [from.x + from.w / 2, to.x - to.w / 2];
  const inner = to.h / 2 - 10;
  const y = to.y + Math.min(Math.max(from.y - to.y, -inner), inner);
  return {
    forward: [
      [left, from.y],
      [right, y],
    ],
    back: [
      [right, y + 9],
      [left, from.y + 9],
    ],
    note: { x: start, y: from.y + from.h / 2 + 4 + NOTE / 2, align: 1 },
    local: { x: (left + right) / 2, y: from.y },
  };
}

function acrossWay(from, to, placed, single, between) {
  const start = [from.x + from.w / 2, from.y];
  const end = [to.x - to.w / 2, to.y];
  const middle = { x: (start[0] + end[0]) / 2, y: (start[1] + end[1]) / 2 };
  if (single) {
    const y = placed.below;
    const back = [
      [to.x - 14, y],
      [from.x + 14, y],
    ];
    return { forward: [start, end], back, note: { x: (to.x + from.x) / 2, y: y + 8 + NOTE / 2 }, local: middle };
  }
  const points = [
    start,
    ...between.flatMap((way) => [
      [way.left, way.y],
      [way.right, way.y],
    ]),
    end,
  ];
  return { forward: points, back: backwards(points, 0, 8), note: along(start, points[1], 62 / (points[1][0] - start[0])), local: middle };
}

/** A point of a line that is up to halfway on it: beside the box that a product arrives at, not over one that the line passes. */
function along([a, b], [c, d], part) {
  const t = Math.min(0.5, Math.max(0, part));
  return { x: a + (c - a) * t, y: b + (d - b) * t };
}

function downWay(from, to, placed, single, between) {
  const start = [from.x, from.y + from.h / 2];
  const end = [to.x + (to.entry ?? 0), to.y - to.h / 2];
  const middle = { x: (start[0] + end[0]) / 2, y: (start[1] + end[1]) / 2 };
  if (single) {
    const x = placed.beside;
    const back = [
      [x, to.y - 8],
      [x, from.y + 8],
    ];
    const note = placed.written ? { x: x + 10, y: (from.y + to.y) / 2, align: 1 } : middle;
    return { forward: [start, end], back, note, local: middle };
  }
  const points = [
    start,
    ...between.flatMap((way) => [
      [way.x, way.top],
      [way.x, way.bottom],
    ]),
    end,
  ];
  if (to.above) points.splice(-1, 1, [end[0] - 4, to.y - to.h / 2 - to.above], [end[0] - 4, end[1]]); // between what hangs at the step
  return { forward: points, back: backwards(points, 8, 0), note: along(start, points[1], 28 / (points[1][1] - start[1])), local: middle };
}

/** The way back beside a line: a straight one at its side, another one moved as a whole. */
function backwards(points, x, y) {
  const turned = [...points].reverse();
  return points.length === 2 ? beside(...turned, 8) : turned.map(([a, b]) => [a + x, b + y]);
}

/** A line beside another one. */
function beside([a, b], [c, d], off) {
  const length = Math.hypot(c - a, d - b) || 1;
  const [x, y] = [((d - b) / length) * off, (-(c - a) / length) * off];
  return [
    [a + x, b + y],
    [c + x, d + y],
  ];
}

function pathOf(points) {
  return points.map(([x, y], k) => `${k ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

/** The head of an arrow at the end of a line. */
function headOf(points) {
  const [[a, b], [x, y]] = points.slice(-2);
  const length = Math.hypot(x - a, y - b) || 1;
  const [u, v] = [(x - a) / length, (y - b) / length];
  return [
    [x, y],
    [x - 9 * u - 3.6 * v, y - 9 * v + 3.6 * u],
    [x - 9 * u + 3.6 * v, y - 9 * v - 3.6 * u],
  ]
    .map((point) => point.map((n) => n.toFixed(1)).join(","))
    .join(" ");
}

/** Puts a tag with its middle (or, with `align`, its left or right side) at a place, within the diagram. */
function stand(tag, place, width) {
  const [w, h] = [tag.offsetWidth, tag.offsetHeight];
  const x = place.align ? (place.align > 0 ? place.x : place.x - w) : place.x - w / 2;
  tag.style.left = `${Math.max(0, Math.min(x, width - w))}px`;
  tag.style.top = `${place.y - h / 2}px`;
}
