/** The room of a row, and the columns: where each begins and how wide it is, in pixels. */
export const ROW = 34;
export const BOX = 26;
const TOP = 30;
export const COLUMNS = [
  { name: 'consumers', x: 0, width: 190 },
  { name: 'bindings', x: 240, width: 140 },
  { name: 'services', x: 430, width: 270 },
  { name: 'endpoints', x: 750, width: 250 },
];
export const WIDTH = 1_000;

/** So many bindings are drawn; of each service so many endpoints. The rest is counted. */
const BINDINGS_MAX = 40;
const ENDPOINTS_MAX = 6;

const TROUBLE = { unknown: 0, empty: 1, panic: 2, ready: 3 };

/** Whether somebody should look at a binding. */
export function isTroubled({ state, ready, endpoints }) {
  return state !== 'ready' || ready < endpoints;
}

/** The bindings that fit what was asked for, those in trouble first. */
export function chosen(bindings, { filter, trouble }) {
  const words = filter.toLowerCase();
  return bindings
    .filter((each) => !trouble || isTroubled(each))
    .filter((each) => words === '' || textOf(each).includes(words))
    .sort((a, b) => rank(a) - rank(b) || compare(a.consumer, b.consumer) || a.port - b.port);
}

/**
 * Lays the picture out: consumers → bindings → services → endpoints, each a box at a place, and the lines
 * between them. What does not fit is told by a box of its own.
 */
export function layOut(bindings, endpoints) {
  const shown = bindings.slice(0, BINDINGS_MAX);
  const boxes = [];
  const lines = [];
  const put = (column, key, y, box) => {
    const placed = { ...box, key: `${column} ${key}`, column, y };
    boxes.push(placed);
    return placed;
  };
  const bound = shown.map((binding, row) => put(1, binding.id, TOP + row * ROW, bindingBox(binding)));
  column(
    0,
    groupBy(shown, (each) => `${each.consumer} ${each.address}`),
    bound,
    (key, own, y) => put(0, key, y, { text: own[0].consumer, note: own[0].address, state: '' }),
  );
  const services = column(
    2,
    groupBy(shown, (each) => each.service),
    bound,
    (key, own, y) => put(2, key, y, { text: key, note: '', state: worst(own) }),
  );
  const byService = groupBy(endpoints, (each) => each.service);
  let next = TOP;
  for (const service of services) {
    const own = distinct(byService.get(service.text) ?? []);
    const told = own.length > ENDPOINTS_MAX ? own.slice(0, ENDPOINTS_MAX - 1) : own;
    const rest = own.length - told.length;
    const rows = told.length + (rest > 0 ? 1 : 0);
    let y = Math.max(next, service.y - ((rows - 1) * ROW) / 2);
    for (const endpoint of told) {
      const box = put(3, `${service.text} ${endpoint.endpoint}`, y, endpointBox(endpoint));
      lines.push(line(service, box, endpoint.open, endpoint.state));
      y += ROW;
    }
    if (rest > 0) {
      const box = put(3, `${service.text} more`, y, { text: `and ${rest} more`, note: '', state: 'more' });
      lines.push(line(service, box, 0, 'more'));
      y += ROW;
    }
    next = Math.max(next, y);
  }
  return {
    boxes,
    lines,
    height: Math.max(...boxes.map(({ y }) => y), 0) + ROW,
    left: bindings.length - shown.length,
  };

  /** Places one box for each group, beside those of its bindings, and draws the lines to them. */
  function column(at, groups, beside, place) {
    let below = TOP;
    const placed = [];
    for (const [key, own] of groups) {
      const rows = own.map((each) => beside[shown.indexOf(each)]);
      const middle = rows.reduce((sum, { y }) => sum + y, 0) / rows.length;
      const box = place(key, own, Math.max(below, middle));
      below = box.y + ROW;
      placed.push(box);
      own.forEach((each, n) => {
        const [from, to] = at === 0 ? [box, rows[n]] : [rows[n], box];
        lines.push(line(from, to, each.open, each.state));
      });
    }
    return placed;
  }
}

function bindingBox(binding) {
  const { address, consumer, endpoints, id, open, port, protocol, ready, service, state } = binding;
  const text = `${port}/${protocol}`;
  const note = `${ready} of ${endpoints}`;
  const who = address === '*' ? 'any' : address;
  const unseen = ` endpoints ready, from ${consumer} to ${service}: ${state}, ${open} open, explain`;
  return { id, text, note, state, unseen, asks: { consumer: who, port, protocol } };
}

function endpointBox({ endpoint, open, reason, state, weight }) {
  const note = weight === 1 ? '' : `weight ${weight}`;
  const unseen = `, ${state}`;
  return { unseen, text: endpoint, note: open > 0 ? `${open} open` : note, state, title: reason ?? '' };
}

/** From the right side of a box to the left side of another; thicker where more connections are open. */
function line(from, to, open, state) {
  const [start, end] = [COLUMNS[from.column], COLUMNS[to.column]];
  const [x1, x2] = [start.x + start.width, end.x];
  const [y1, y2] = [from.y + BOX / 2, to.y + BOX / 2];
  const bend = (x2 - x1) / 2;
  const path = `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`;
  return { key: `${from.key} ${to.key}`, path, state, width: 1.2 + Math.min(7, 1.6 * Math.log2(1 + open)) };
}

/** An endpoint is in each pool of its service; one is shown, the busiest. */
function distinct(endpoints) {
  const byKey = new Map();
  for (const each of endpoints) {
    const known = byKey.get(each.endpoint);
    if (known === undefined || each.open > known.open) byKey.set(each.endpoint, each);
  }
  return [...byKey.values()];
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function worst(bindings) {
  return bindings.reduce((a, b) => (TROUBLE[a.state] <= TROUBLE[b.state] ? a : b)).state;
}

function rank(binding) {
  return isTroubled(binding) ? TROUBLE[binding.state] : 9;
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function textOf({ address, consumer, port, protocol, service, state }) {
  return `${consumer} ${address} ${port}/${protocol} ${service} ${state}`.toLowerCase();
}
