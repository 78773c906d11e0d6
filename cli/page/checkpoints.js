// Checkpoints by phase, one bar each, on one scale.
const { h } = globalThis.preact;

import { Table } from "./parts.js";
import { count, duration, time } from "./words.js";

const WIDTH = 360, SHOWN = 20;

// [name, milliseconds] of the phases that an attempt went through.
export function phases(attempt) {
  const marks = [["barrier", attempt.captured_ms], ["upload", attempt.durable_ms], ["publish", attempt.published_ms],
    ["commit", attempt.committed_ms]];
  const found = [];
  let since = 0;
  for (const [name, at] of marks) {
    if (at < 0) break;
    found.push([name, Math.max(0, at - since)]);
    since = Math.max(since, at);
  }
  return found;
}

const total = (attempt) => phases(attempt).reduce((all, [, ms]) => all + ms, 0);

function Bar({ attempt, scale }) {
  const parts = phases(attempt);
  const label = parts.length ? parts.map(([name, ms]) => `${name} ${duration(ms)}`).join(", ") : "no phase is over";
  let x = 0;
  return h("svg", { width: WIDTH, height: 14, viewBox: `0 0 ${WIDTH} 14`, role: "img", "aria-label": label },
    h("title", null, label),
    h("rect", { class: "trough", width: WIDTH, height: 14, rx: 2 }),
    parts.map(([name, ms]) => {
      const width = scale > 0 ? (ms / scale) * WIDTH : 0;
      const at = x;
      x += width;
      return h("rect", { key: name, class: `phase ${name}`, x: at, y: 1, width: Math.max(width, 1), height: 12 });
    }));
}

const OUTCOME = { PUBLISHED: "published", UNDER_WAY: "under way", FAILED: "✕ failed", ABANDONED: "given up" };

function note(attempt) {
  if (attempt.reason) return attempt.reason;
  if (attempt.outcome === "UNDER_WAY") {
    const step = attempt.captured_tasks < attempt.tasks ? ["at the barrier", attempt.captured_tasks] : ["uploaded", attempt.durable_tasks];
    return `${step[1]} of ${attempt.tasks} tasks ${step[0]}`;
  }
  const slow = [];
  if (attempt.last_captured) slow.push(`last at the barrier ${attempt.last_captured}`);
  if (attempt.last_durable) slow.push(`last uploaded ${attempt.last_durable}`);
  return slow.join(", ");
}

export function Checkpoints({ details }) {
  const shown = details.checkpoints.slice(0, SHOWN);
  const scale = Math.max(...shown.map(total), 1);
  return h("div", null,
    h("p", { class: "quiet" }, `Every ${duration(details.checkpoint_interval_ms)}. A bar's full length is ${duration(scale)}: `,
      ["barrier", "upload", "publish", "commit"].map((name) => [h("span", { key: name, class: `swatch ${name}` }), ` ${name}  `])),
    h(Table, {
      caption: "Checkpoints", rows: shown, rowKey: (a) => `${a.generation}/${a.id}`,
      empty: "This coordinator has triggered none yet.",
      columns: [
        { title: "Epoch", right: true, cell: (a) => (a.epoch ? count(a.epoch) : "–") },
        { title: "Triggered (UTC)", cell: (a) => time(a.triggered_at) },
        { title: "Phases", cell: (a) => h(Bar, { attempt: a, scale }) },
        { title: "Took", right: true, cell: (a) => (total(a) > 0 ? duration(total(a)) : "–") },
        { title: "Outcome", cell: (a) => OUTCOME[a.outcome] + (a.savepoint ? ", savepoint" : "") },
        { title: "Slowest, or why", class: "wide", cell: note },
      ],
    }));
}
