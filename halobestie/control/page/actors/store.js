// The tree as the server tells it: a snapshot, then changes. Rows by path, with what the page
// adds: messages a second, and a text to search in.

export const TROUBLED = new Set(["restarting", "away", "quarantined", "stopping"]);
const SMOOTH = 0.5; // share of the newest figure in a rate
const STILL = 0.05; // a rate below this is none

export function makeStore() {
  const store = {
    rows: new Map(), node: "", canCrash: false, deadLetters: {},
    totals: { actors: 0, messages: 0, dead_letters: 0, restarts: 0 },
    rate: 0, at: 0, skew: 0, // skew: the server's clock minus ours, in milliseconds
    apply,
  };
  let moving = new Set();

  function apply(frame) {
    const at = Date.parse(frame.at);
    const seconds = store.at ? (at - store.at) / 1000 : 0;
    if (frame.type === "snapshot") begin(frame);
    else change(frame, seconds);
    if (seconds > 0 && frame.type === "changes") {
      store.rate = smooth(store.rate, (frame.totals.messages - store.totals.messages) / seconds);
    }
    store.totals = frame.totals;
    store.deadLetters = frame.dead_letters;
    store.at = at;
    store.skew = at - Date.now();
  }

  function begin(frame) {
    store.rows.clear();
    moving.clear();
    store.rate = 0;
    store.node = frame.node;
    store.canCrash = frame.can_crash;
    for (const row of frame.rows) store.rows.set(row.path, complete({}, row));
  }

  function change(frame, seconds) {
    for (const path of frame.gone) store.rows.delete(path);
    const moved = new Set();
    for (const [path, fields] of Object.entries(frame.changed)) {
      const row = store.rows.get(path);
      // All fields come for an actor that is new, also under a path that had another one.
      const isNew = !row || "started_at" in fields;
      if (!isNew && "processed" in fields && seconds > 0) {
        row.rate = smooth(row.rate, (fields.processed - row.processed) / seconds);
        moved.add(row);
      }
      store.rows.set(path, complete(isNew ? {} : row, fields));
    }
    for (const row of moving) {
      if (moved.has(row)) continue;
      row.rate = row.rate * (1 - SMOOTH);
      if (row.rate < STILL) row.rate = 0;
      else moved.add(row);
    }
    moving = moved;
  }

  return store;
}

const smooth = (before, now) => before * (1 - SMOOTH) + Math.max(0, now) * SMOOTH;

const DEFAULTS = {
  state: "running", processed: 0, restarts: 0, last_error: null, busy_with: null, busy_since: null,
  deadlines: [], info: {}, rate: 0,
};

function complete(row, fields) {
  if (!row.path) Object.assign(row, DEFAULTS);
  Object.assign(row, fields);
  row.group = row.path.slice(0, row.path.indexOf("/"));
  row.text = `${row.path} ${row.state} ${row.last_error ?? ""} ${Object.entries(row.info).flat().join(" ")}`.toLowerCase();
  return row;
}

const ORDERS = {
  name: (a, b) => (a.path < b.path ? -1 : 1),
  rate: (a, b) => b.rate - a.rate,
  mail: (a, b) => b.mailbox.depth - a.mailbox.depth || b.mailbox.high_water - a.mailbox.high_water,
  restarts: (a, b) => b.restarts - a.restarts,
  due: (a, b) => due(a) - due(b),
};
const due = (row) => (row.deadlines.length ? Date.parse(row.deadlines[0].due_at) : Infinity);

// What is to be seen, in order: groups, and under each unfolded one its actors.
export function visible(store, { folded, text, order, trouble }) {
  const wanted = text.trim().toLowerCase();
  const groups = new Map();
  for (const row of store.rows.values()) {
    let group = groups.get(row.group);
    if (!group) groups.set(row.group, group = newGroup(row.group));
    add(group, row);
    const fits = (!wanted || row.text.includes(wanted)) && (!trouble || TROUBLED.has(row.state) || row.restarts > 0);
    if (fits) group.rows.push(row);
  }
  const lines = [];
  for (const group of groups.values()) {
    if ((wanted || trouble) && !group.rows.length) continue;
    lines.push(group);
    if (folded.has(group.name)) continue;
    if (order !== "start") group.rows.sort(ORDERS[order]);
    for (const row of group.rows) lines.push(row);
  }
  return lines;
}

function newGroup(name) {
  return {
    isGroup: true, path: name, name, state: "running", actors: 0, processed: 0, restarts: 0, rate: 0,
    mailbox: { depth: 0, capacity: 0, high_water: 0 }, deadlines: [], info: {}, busy_with: null, rows: [],
  };
}

function add(group, row) {
  group.actors += 1;
  group.processed += row.processed;
  group.restarts += row.restarts;
  group.rate += row.rate;
  group.mailbox.depth += row.mailbox.depth;
  group.mailbox.capacity += row.mailbox.capacity;
  group.mailbox.high_water = Math.max(group.mailbox.high_water, row.mailbox.high_water);
  if (row.state === "quarantined" || (TROUBLED.has(row.state) && group.state !== "quarantined")) group.state = row.state;
}
