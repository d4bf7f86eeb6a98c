// Where the boxes of the diagram stand. Steps are in layers, from what they are made of to the end; what only one step uses hangs
// at that step.
// A wide page reads from left to right, a narrow one downwards. All sizes are pixels as measured, and nothing is scaled.

const ARROW = 38; // the least room for an arrow
const RISE = 56; // from a hung box to its step
const NOTE = 44; // the height of a product of two lines

/** The cells of the diagram, layer by layer: `{box, hung}`. `single` says that each layer has one cell: a chain. */
function layersOf(boxes) {
  const users = boxes.map(() => []);
  boxes.forEach((box, k) => box.uses.forEach((j) => users[j].push(k)));
  const leaf = (k) => boxes[k].uses.length === 0;
  const hangs = (k) => leaf(k) && users[k].length === 1;
  const layer = new Map();
  boxes.forEach((box, k) => {
    if (!leaf(k)) layer.set(k, 1 + Math.max(0, ...box.uses.filter((j) => !leaf(j)).map((j) => layer.get(j))));
  });
  boxes.forEach((box, k) => {
    if (leaf(k) && !hangs(k)) layer.set(k, Math.min(...users[k].map((j) => layer.get(j)), Infinity) - 1);
  });
  const layers = [];
  for (const [k, at] of layer) {
    const place = Number.isFinite(at) ? at : 0;
    (layers[place] ??= []).push({ box: k, hung: boxes[k].uses.filter(hangs) });
  }
  let rows = Array.from(layers, (row) => row ?? []).filter((row) => row.length);
  if (rows.length && rows[0].length === 1 && rows[0][0].hung.length) {
    const hung = rows[0][0].hung; // the first step takes one of its own from the side, a parameter if there is one
    const k = Math.max(
      0,
      hung.findIndex((j) => boxes[j].kind === "parameter"),
    );
    rows = [[{ box: hung[k], hung: [] }], ...rows];
    hung.splice(k, 1);
  }
  const at = new Map(rows.flatMap((row, r) => row.map((cell) => [cell.box, r])));
  const { ways, above, below } = waysOf(rows, boxes, at);
  ordered(rows, above, below);
  return { rows, at, ways, single: rows.every((row) => row.length === 1 && row[0].hung.length < 3) };
}

/** Lines over several layers get a place of their own in each layer between, so that they pass no box: "user>box" → their names. */
function waysOf(rows, boxes, at) {
  const [ways, above, below] = [new Map(), new Map(), new Map()];
  const join = (upper, lower) => {
    above.set(lower, [...(above.get(lower) ?? []), upper]);
    below.set(upper, [...(below.get(upper) ?? []), lower]);
  };
  for (const [k, r] of at) {
    for (const j of boxes[k].uses.filter((one) => at.has(one))) {
      const names = [];
      for (let between = at.get(j) + 1; between < r; between++) {
        names.push(`${k}>${j}@${between}`);
        rows[between].push({ box: names.at(-1), hung: [] });
      }
      [j, ...names].forEach((name, n, all) => join(name, all[n + 1] ?? k));
      if (names.length) ways.set(`${k}>${j}`, names);
    }
  }
  return { ways, above, below };
}

/** Puts the cells of each layer in the order that keeps lines short. */
function ordered(rows, above, below) {
  const place = new Map();
  const note = (row) => row.forEach((cell, k) => place.set(cell.box, (k + 0.5) / row.length));
  rows.forEach(note);
  const middle = (cell, near = []) => {
    const found = near.map((j) => place.get(j));
    return found.length ? found.reduce((a, b) => a + b, 0) / found.length : place.get(cell.box);
  };
  for (let sweep = 0; sweep < 6; sweep++) {
    const down = sweep % 2 === 0;
    for (const row of down ? rows : [...rows].reverse()) {
      const key = new Map(row.map((cell) => [cell, middle(cell, (down ? above : below).get(cell.box))]));
      row.sort((a, b) => key.get(a) - key.get(b));
      note(row);
    }
  }
}

/** Hung boxes in rows of up to `most` width: their places from the middle of the row, and the size of them all.
 * `slot` keeps a way free in the middle. */
function hungRows(hung, sizes, most, slot) {
  const rows = [];
  for (const j of hung) {
    const last = rows.at(-1);
    if (last && last.width + 8 + sizes[j].w + (slot ? 10 : 0) <= most) {
      last.boxes.push(j);
      last.width += 8 + sizes[j].w;
    } else rows.push({ boxes: [j], width: sizes[j].w });
  }
  const places = [];
  let y = 0;
  for (const row of rows) {
    const gap = slot && row === rows.at(-1) ? 10 : 0;
    const half = Math.ceil(row.boxes.length / 2);
    let x = -(row.width + gap) / 2;
    const high = Math.max(...row.boxes.map((j) => sizes[j].h));
    row.boxes.forEach((j, k) => {
      if (k === half) x += gap;
      places.push({ box: j, x: x + sizes[j].w / 2, y });
      x += sizes[j].w + 8;
    });
    row.width += gap;
    y += high + 10;
  }
  const odd = rows.length && rows.at(-1).boxes.length === 1;
  return {
    places,
    width: Math.max(0, ...rows.map((row) => row.width)),
    height: Math.max(0, y - 10),
    entry: odd && slot ? rows.at(-1).width / 2 - 8 : 0,
  };
}

// -- from left to right ------------------------------------------------------------------------------------------------

/** Places for a page `room` pixels wide; they may come out wider. `notes` gives for "user>box" the measured size of the product
 * handed back, `locals` of the local derivative. */
function widePlaces(graph, sizes, notes, locals, room) {
  const { rows, single } = graph;
  const note = (row, next) => (next && single ? notes.get(`${next[0].box}>${row[0].box}`) : null);
  const boxes = new Map();
  let x = 0;
  const columns = rows.map((row) => {
    const cells = row.map((cell) => {
      const hung = hungRows(cell.hung, sizes, single ? 460 : 320, false);
      return { ...cell, rows: hung, w: Math.max(sizes[cell.box].w, row.length > 1 ? hung.width : 0), h: sizes[cell.box].h };
    });
    const width = Math.max(...cells.map((cell) => cell.w));
    return { cells, width, ...reach(cells, width, sizes, notes, single) };
  });
  const widest = Math.max(0, ...[...notes.values()].map((size) => size.w));
  columns.forEach((column, k) => {
    const before = columns[k - 1];
    if (before) {
      const halves = (before.width + column.width) / 2;
      const under = note(rows[k - 1], rows[k])?.w ?? 0;
      const local = single ? (locals.get(`${rows[k][0].box}>${rows[k - 1][0].box}`)?.w ?? 0) : Math.min(widest, 100);
      x += Math.max(halves + Math.max(ARROW, local + 24), under + 14, before.right + column.left + 14);
    } else x = column.left;
    column.x = x;
  });
  let width = columns.length ? x + columns.at(-1).right : 0;
  const spare = columns.length > 1 ? Math.min(Math.max(0, (room - width) / (columns.length - 1)), 60) : 0;
  columns.forEach((column, k) => {
    column.x += k * spare;
  });
  width += spare * Math.max(0, columns.length - 1);
  for (const column of columns) {
    let y = 0;
    column.cells.forEach((cell, k) => {
      if (k) y += column.cells[k - 1].h / 2 + 26 + (cell.rows.height ? cell.rows.height + RISE : 0) + cell.h / 2;
      cell.y = y;
    });
    for (const cell of column.cells) {
      const middle = cell.y - y / 2;
      boxes.set(cell.box, {
        x: column.x,
        y: middle,
        left: column.x - column.width / 2,
        right: column.x + column.width / 2,
        w: column.cells.length > 1 ? column.width : cell.w,
        h: cell.h,
      });
      const top = middle - cell.h / 2 - RISE - cell.rows.height;
      for (const place of cell.rows.places) {
        boxes.set(place.box, {
          x: column.x + place.x,
          y: top + place.y + sizes[place.box].h / 2,
          w: sizes[place.box].w,
          h: sizes[place.box].h,
          side: place.x < 0 ? -1 : 1,
        });
      }
    }
  }
  const low = Math.max(0, ...[...boxes.values()].map((b) => b.y + b.h / 2));
  const size = settled(boxes, width, single ? low + 22 + NOTE : low);
  return { ...size, boxes, across: true, below: single ? size.shift + low + 18 : 0 };
}

/** How far a column goes to the left and right of its middle, with what is written beside the boxes that hang at it. */
function reach(cells, width, sizes, notes, single) {
  let left = width / 2;
  let right = width / 2;
  for (const cell of cells) {
    for (const place of cell.rows.places) {
      const half = sizes[place.box].w / 2;
      const written = single ? (notes.get(`${cell.box}>${place.box}`)?.w ?? 0) : 0;
      const beside = written ? written + 24 : 0;
      left = Math.max(left, -place.x + Math.max(half, place.x < 0 ? beside : 0));
      right = Math.max(right, place.x + Math.max(half, place.x < 0 ? 0 : beside));
    }
  }
  return { left, right };
}

/** Moves all boxes so that the topmost stands at the top; their right edge and lowest point as width and height. */
function settled(boxes, width, low) {
  const top = Math.min(0, ...[...boxes.values()].map((b) => b.y - b.h / 2));
  for (const box of boxes.values()) box.y += 4 - top;
  return { width, height: low + 8 - top, shift: 4 - top };
}

// -- downwards ---------------------------------------------------------------------------------------------------------

/** Places for a narrow page of `room` pixels. */
function tallPlaces(graph, sizes, notes, locals, room) {
  return graph.single ? spinePlaces(graph, sizes, notes, locals, room) : stackedPlaces(graph, sizes, room);
}

/** A chain: a spine with what hangs at it on the left, and what is handed back on the right. */
function spinePlaces(graph, sizes, notes, locals, room) {
  const { rows } = graph;
  const hung = rows.flatMap((row) => row[0].hung);
  const left = Math.max(0, ...hung.map((j) => sizes[j].w));
  const spine = Math.max(...rows.map((row) => sizes[row[0].box].w));
  const noted = Math.max(0, ...rows.slice(1).map((row, k) => notes.get(`${row[0].box}>${rows[k][0].box}`)?.w ?? 0));
  const under = Math.max(0, ...rows.flatMap((row) => row[0].hung.map((j) => notes.get(`${row[0].box}>${j}`)?.w ?? 0)));
  const written = left + (left ? Math.max(30, under - left + 8) : 0) + spine + 30 + noted <= room;
  if (left + (left ? 30 : 0) + spine + 24 > room) return stackedPlaces(graph, sizes, room);
  const gap = left ? Math.max(30, written ? under - left + 8 : 0) : 0;
  const total = left + gap + spine + (written ? 30 + noted : 24);
  const start = Math.max(0, (room - total) / 2);
  const middle = start + left + gap + spine / 2;
  const boxes = new Map();
  let y = 4;
  rows.forEach((row, k) => {
    const { box, hung: mine } = row[0];
    const { w, h } = sizes[box];
    const said = (j) => (written && notes.has(`${box}>${j}`) ? NOTE + 4 : 0);
    const beside = mine.reduce((sum, j) => sum + sizes[j].h + said(j) + 10, mine.length ? -10 : 0);
    const high = Math.max(h, beside, mine.length === 1 ? sizes[mine[0]].h + 2 * said(mine[0]) : 0);
    if (k) y += Math.max(ARROW, (locals.get(`${box}>${rows[k - 1][0].box}`)?.h ?? 0) + 22, written ? NOTE - 12 : 0);
    boxes.set(box, { x: middle, y: y + high / 2, w, h });
    let top = mine.length === 1 ? y + high / 2 - sizes[mine[0]].h / 2 : y + (high - beside) / 2;
    for (const j of mine) {
      boxes.set(j, { x: start + left / 2, y: top + sizes[j].h / 2, w: sizes[j].w, h: sizes[j].h, side: -1 });
      top += sizes[j].h + said(j) + 10;
    }
    y += high;
  });
  return { width: Math.max(room, total), height: y + 8, boxes, across: false, beside: middle + spine / 2 + 14, left: start, written };
}

/** Any other graph: the cells of a layer side by side, as many as fit, and what hangs at a step above it. */
function stackedPlaces(graph, sizes, room) {
  const boxes = new Map();
  let y = 4;
  for (const row of graph.rows) {
    const most = Math.max(80, room / Math.min(row.length, 2) - 8);
    const cells = row.map((cell) => {
      const hung = hungRows(cell.hung, sizes, most, true);
      return { ...cell, rows: hung, w: Math.max(sizes[cell.box].w, hung.width) };
    });
    for (const line of broken(cells, room)) {
      const width = line.reduce((sum, cell) => sum + cell.w + 16, -16);
      let x = (room - width) / 2;
      const above = Math.max(...line.map((cell) => (cell.rows.height ? cell.rows.height + RISE : 0)));
      const high = Math.max(...line.map((cell) => sizes[cell.box].h));
      for (const cell of line) {
        const middle = x + cell.w / 2;
        const top = y + above;
        boxes.set(cell.box, {
          x: middle,
          top: y,
          bottom: top + high,
          y: top + sizes[cell.box].h / 2,
          w: cell.w,
          h: sizes[cell.box].h,
          entry: cell.rows.entry,
          above: cell.rows.height ? cell.rows.height + RISE + 8 : 0,
        });
        for (const place of cell.rows.places) {
          boxes.set(place.box, {
            x: middle + place.x,
            y: top - RISE - cell.rows.height + place.y + sizes[place.box].h / 2,
            w: sizes[place.box].w,
            h: sizes[place.box].h,
            side: place.x < 0 ? -1 : 1,
          });
        }
        x += cell.w + 16;
      }
      y += above + high + RISE;
    }
  }
  return { width: room, height: y - RISE + 10, boxes, across: false };
}

/** Cells in lines of up to `room` pixels. */
function broken(cells, room) {
  const lines = [[]];
  let used = 0;
  for (const cell of cells) {
    if (lines.at(-1).length && used + cell.w > room) {
      lines.push([]);
      used = 0;
    }
    lines.at(-1).push(cell);
    used += cell.w + 16;
  }
  return lines;
}
