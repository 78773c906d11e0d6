// Pieces that every view is made of.
const { h } = globalThis.preact;

import { count } from "./words.js";

const STATUS = {
  FRESH: ["good", "✓", "Fresh"],
  STALE: ["bad", "✕", "Not fresh"],
  STARTING: ["wait", "…", "Starting"],
  ENDED: ["off", "■", "Ended"],
};

const STATES = {
  RUNNING: ["good", "▶"],
  FAILED: ["bad", "✕"],
  WAITING: ["wait", "…"],
  CREATED: ["wait", "…"],
  STOPPING: ["wait", "…"],
};

// A sign, a word and a colour: never the colour alone.
function Badge({ kind, sign, children }) {
  return h("span", { class: `badge ${kind}` }, h("span", { "aria-hidden": "true" }, sign), " ", children);
}

export function TableBadge({ status }) {
  const [kind, sign, word] = STATUS[status] || ["off", "?", status];
  return h(Badge, { kind, sign }, word);
}

export function StateBadge({ state }) {
  const [kind, sign] = STATES[state] || ["off", "■"];
  return h(Badge, { kind, sign }, state.toLowerCase());
}

// columns: [{ title, cell: row => node, right, class }]; rows keep their places over refreshes.
export function Table({ caption, columns, rows, rowKey, empty }) {
  if (rows.length === 0) return h("p", { class: "quiet" }, empty);
  return h("div", { class: "scroll", tabIndex: 0, role: "region", "aria-label": caption },
    h("table", null,
      h("caption", { class: "unseen" }, caption),
      h("thead", null, h("tr", null, columns.map((column) =>
        h("th", { scope: "col", class: column.right ? "right" : null }, column.title)))),
      h("tbody", null, rows.map((row, i) =>
        h("tr", { key: rowKey ? rowKey(row) : i }, columns.map((column) =>
          h("td", { class: [column.right && "right", column.class].filter(Boolean).join(" ") || null },
            column.cell(row))))))));
}

// A share between 0 and 1 as a bar with its text beside it.
export function Meter({ share, label, text }) {
  const width = Math.max(0, Math.min(1, share));
  return h("span", { class: "meter" },
    h("svg", { width: 80, height: 10, viewBox: "0 0 80 10", role: "img", "aria-label": label },
      h("rect", { class: "trough", x: 0, y: 0, width: 80, height: 10, rx: 2 }),
      h("rect", { class: share > 0.9 ? "fill full" : "fill", x: 0, y: 0, width: 80 * width, height: 10, rx: 2 })),
    " ", h("span", { class: "num" }, text));
}

export function Suspects({ suspects }) {
  if (suspects.length === 0) return null;
  return h("ul", { class: "suspects" }, suspects.map((suspect, i) =>
    h("li", { key: i }, h("strong", null, suspect.kind === suspect.name ? suspect.kind : `${suspect.kind} ${suspect.name}`),
      ": ", suspect.message)));
}

export function Section({ id, title, children }) {
  return h("section", { "aria-labelledby": `h-${id}`, class: "part" },
    h("h2", { id: `h-${id}`, tabIndex: -1 }, title), children);
}

export function Numbered({ n }) {
  return h("span", { class: "num" }, count(n));
}
