// The first view: is each table fresh, and if not, who is to blame?
const { h } = globalThis.preact;

import { Meter, Section, StateBadge, Suspects, Table, TableBadge } from "./parts.js";
import { ago, bytes, count, lastName, plural, time } from "./words.js";

const ORDER = { STALE: 0, STARTING: 1, FRESH: 2, ENDED: 3 };

export function tablesOf(jobs) {
  const rows = jobs.flatMap((job) => job.tables.map((table) => ({ job, ...table })));
  return rows.sort((a, b) => ORDER[a.status] - ORDER[b.status]);
}

export function verdict(tables) {
  const live = tables.filter((table) => table.status !== "ENDED");
  const stale = live.filter((table) => table.status === "STALE");
  if (live.length === 0) return { kind: "off", text: "No job writes a table now." };
  if (stale.length === 1) return { kind: "bad", text: `Not fresh: ${lastName(stale[0].path)}.` };
  if (stale.length > 1) return { kind: "bad", text: `${stale.length} of ${live.length} tables are not fresh.` };
  const starting = live.filter((table) => table.status === "STARTING").length;
  if (starting > 0) return { kind: "wait", text: `${plural(starting, "table")} of ${live.length} not committed yet; nothing is wrong.` };
  return { kind: "good", text: live.length === 1 ? "The table is fresh." : `All ${live.length} tables are fresh.` };
}

export function Verdict({ tables }) {
  const { kind, text } = verdict(tables);
  const sign = { good: "✓", bad: "✕", wait: "…", off: "■" }[kind];
  return h("p", { class: `verdict ${kind}`, role: "status" }, h("span", { "aria-hidden": "true" }, sign), " ", text);
}

// One row a table: `linked` when the job isn't the page's.
export function TableList({ tables, linked }) {
  return h("ul", { class: "tables" }, tables.map((table) =>
    h("li", { key: `${table.job.id} ${table.sink}`, class: table.status === "STALE" ? "stale" : null },
      h("div", { class: "head" },
        h(TableBadge, { status: table.status }),
        h("strong", null, table.sink),
        linked && h("a", { href: `#/jobs/${encodeURIComponent(table.job.id)}` }, `job ${table.job.name}`),
        h("span", { class: "path" }, table.path)),
      h("p", null, table.summary),
      table.suspects.length > 1 && h(Suspects, { suspects: table.suspects.slice(1) }))));
}

export function Workers({ workers }) {
  return h(Table, {
    caption: "Workers", rows: workers, rowKey: (w) => w.id, empty: "No worker is registered: jobs wait.",
    columns: [
      { title: "Address", cell: (w) => w.address },
      { title: "State", cell: (w) => w.state.toLowerCase() },
      { title: "Slots", right: true, cell: (w) => `${w.slots_used} of ${w.slots}` },
      {
        title: "Memory", cell: (w) => h(Meter, {
          share: w.memory_bytes > 0 ? w.memory_used_bytes / w.memory_bytes : 0,
          label: `memory of ${w.address}`,
          text: `${bytes(w.memory_used_bytes)} of ${bytes(w.memory_bytes)}`,
        }),
      },
      { title: "Version", cell: (w) => w.version },
      { title: "Registered", cell: (w) => time(w.registered_at) },
    ],
  });
}

function Jobs({ jobs }) {
  return h(Table, {
    caption: "Jobs", rows: jobs, rowKey: (j) => j.id, empty: "No job has been submitted: weir job submit FILE.sql",
    columns: [
      { title: "Job", cell: (j) => h("a", { href: `#/jobs/${encodeURIComponent(j.id)}` }, j.name) },
      { title: "State", cell: (j) => h(StateBadge, { state: j.state }) },
      { title: "Epoch", right: true, cell: (j) => count(j.epoch) },
      { title: "Read", right: true, cell: (j) => count(Math.max(j.records_in, j.live_records_in)) },
      { title: "To read", right: true, cell: (j) => count(j.lag_records) },
      { title: "Late", right: true, cell: (j) => count(j.late_rows) },
      { title: "Bad", right: true, cell: (j) => count(j.bad_rows) },
      { title: "Watermark (UTC)", cell: (j) => time(j.live_watermark || j.watermark) },
      {
        title: "Last checkpoint", cell: (j) => (j.last_checkpoint_at && j.checkpoint_age_ms > 0 ? ago(j.checkpoint_age_ms)
          : time(j.last_checkpoint_at)),
      },
    ],
  });
}

export function Overview({ jobs, workers }) {
  const tables = tablesOf(jobs);
  const shown = tables.filter((table) => table.status !== "ENDED");
  return h("div", null,
    h("h1", { tabIndex: -1 }, "Tables"),
    h(Verdict, { tables }),
    h(TableList, { tables: shown, linked: true }),
    h(Section, { id: "jobs", title: "Jobs" }, h(Jobs, { jobs })),
    h(Section, { id: "workers", title: "Workers" }, h(Workers, { workers })));
}
