// All of one job.
const { h } = globalThis.preact;

import { Checkpoints } from "./checkpoints.js";
import { Graph } from "./graph.js";
import { TableList, Verdict } from "./overview.js";
import { Meter, Section, StateBadge, Table } from "./parts.js";
import { bytes, count, duration, percent, plural, rate, time } from "./words.js";

export const PARTS = [["graph", "Graph"], ["sources", "Sources"], ["tasks", "Tasks"], ["checkpoints", "Checkpoints"],
  ["commits", "Commits"], ["rows", "Rows"], ["events", "Events"], ["plan", "Plan"]];

function Sources({ details }) {
  const rows = details.vertices.flatMap((vertex) => vertex.tasks.flatMap((task) =>
    task.partitions.map((partition) => ({ source: vertex.sources.join(", "), task, ...partition }))));
  rows.sort((a, b) => b.lag_records - a.lag_records || (a.watermark || "").localeCompare(b.watermark || "") || a.partition - b.partition);
  return h("div", null,
    rows.length > 0 && h("p", { class: "quiet" }, "The largest backlog first, then the oldest watermark."),
    h(Table, {
      caption: "Partitions", rows, rowKey: (p) => `${p.task.name} ${p.partition}`, empty: "No task has reported a partition.",
      columns: [
        { title: "Partition", cell: (p) => `${p.source}/${p.partition}` },
        { title: "Task", cell: (p) => p.task.name },
        { title: "To read", right: true, cell: (p) => count(p.lag_records) },
        { title: "Rate", right: true, cell: (p) => rate(p.records_per_second) },
        { title: "Next offset", right: true, cell: (p) => count(p.next_offset) },
        { title: "End", right: true, cell: (p) => (p.end_offset < 0 ? "–" : count(p.end_offset)) },
        { title: "Watermark (UTC)", cell: (p) => time(p.watermark) },
        { title: "Status", cell: (p) => p.status },
        { title: "No rows for", right: true, cell: (p) => (p.quiet_ms >= 1000 ? duration(Math.floor(p.quiet_ms / 1000) * 1000) : "–") },
      ],
    }));
}

function Tasks({ details }) {
  const rows = details.vertices.flatMap((vertex) => vertex.tasks);
  return h(Table, {
    caption: "Tasks", rows, rowKey: (t) => t.name, empty: "No task is placed: the job doesn't run.",
    columns: [
      { title: "Task", cell: (t) => t.name },
      { title: "Worker", cell: (t) => t.worker || "–" },
      { title: "Busy", cell: (t) => h(Meter, { share: t.busy, label: `${t.name} is busy ${percent(t.busy)}`, text: percent(t.busy) }) },
      { title: "Blocked", right: true, cell: (t) => percent(t.blocked) },
      { title: "Read", right: true, cell: (t) => rate(t.records_per_second) },
      { title: "Received", right: true, cell: (t) => rate(t.rows_received_per_second) },
      { title: "Sent", right: true, cell: (t) => rate(t.rows_sent_per_second) },
      { title: "Queue", right: true, cell: (t) => bytes(t.queued_bytes) },
      { title: "State", right: true, cell: (t) => `${bytes(t.state_bytes)}, ${plural(t.state_keys, "key")}` },
      { title: "Watermark (UTC)", cell: (t) => time(t.watermark) },
      { title: "Waits for", class: "wide", cell: (t) => (t.reported ? t.waiting_for.join("; ") : "no report yet") },
    ],
  });
}

function Offsets({ commit }) {
  const more = commit.partitions - commit.offsets.length;
  return h("details", null, h("summary", null, plural(commit.partitions, "partition")),
    h("ul", { class: "offsets" }, commit.offsets.map((o) =>
      h("li", { key: `${o.source} ${o.partition}` }, `${o.source}/${o.partition}: before ${count(o.next_offset)}`))),
    more > 0 && h("p", { class: "quiet" }, `and ${count(more)} more`));
}

function Commits({ details }) {
  return h(Table, {
    caption: "Commits", rows: details.commits, rowKey: (c) => `${c.sink} ${c.epoch} ${c.at}`,
    empty: "This coordinator has committed nothing yet.",
    columns: [
      { title: "Table", cell: (c) => c.sink },
      { title: "Version", right: true, cell: (c) => (c.table_version < 0 ? "✕ failed" : count(c.table_version)) },
      { title: "Epoch", right: true, cell: (c) => count(c.epoch) },
      { title: "At (UTC)", cell: (c) => time(c.at) },
      { title: "Took", right: true, cell: (c) => duration(c.duration_ms) },
      { title: "Rows", right: true, cell: (c) => count(c.rows) },
      { title: "Files", right: true, cell: (c) => `${count(c.files)}, ${bytes(c.bytes)}` },
      { title: "Watermark (UTC)", cell: (c) => time(c.watermark) },
      { title: "Source offsets", cell: (c) => h(Offsets, { commit: c }) },
      { title: "Error", class: "wide", cell: (c) => c.error },
    ],
  });
}

function reasons(insert) {
  return Object.entries(insert.bad_by_reason).map(([reason, n]) => `${reason} ${count(n)}`).join(", ");
}

function Rows({ details }) {
  return h("div", null,
    h("p", { class: "quiet" }, "As of the last checkpoint: read = used + late + bad + filtered."),
    h(Table, {
      caption: "What became of the rows", rows: details.job.inserts, rowKey: (i) => i.name, empty: "No INSERT.",
      columns: [
        { title: "INSERT", cell: (i) => i.name },
        { title: "Read", right: true, cell: (i) => count(i.records_in) },
        { title: "Used", right: true, cell: (i) => count(i.records_used) },
        { title: "Late", right: true, cell: (i) => count(i.late_rows) },
        { title: "Bad", right: true, cell: (i) => count(i.bad_rows) },
        { title: "Filtered", right: true, cell: (i) => count(i.filtered_rows) },
        { title: "Bad by reason", cell: reasons },
      ],
    }),
    h("h3", null, "Samples"),
    details.samples_hidden
      ? h("p", { class: "quiet" }, "Samples are rows of data: they are shown to operators only, and your token is a viewer's.")
      : h(Table, {
        caption: "Samples of bad and late rows", rows: details.samples, empty: "No bad or late row since the tasks began.",
        columns: [
          { title: "At (UTC)", cell: (s) => time(s.at) },
          { title: "Reason", cell: (s) => s.reason },
          { title: "Record", cell: (s) => (s.partition < 0 ? "–" : `partition ${s.partition}, offset ${count(s.offset)}`) },
          { title: "What is wrong", class: "wide", cell: (s) => s.message },
          { title: "Payload", class: "wide", cell: (s) => s.payload && h("code", null, s.payload) },
        ],
      }));
}

function Events({ details }) {
  return h(Table, {
    caption: "Events", rows: [...details.events].reverse(), empty: "Nothing has happened.",
    columns: [
      { title: "At (UTC)", cell: (e) => time(e.at) },
      { title: "What", cell: (e) => (e.kind === "RESTART" || e.kind.endsWith("_FAILED") ? "✕ " : "") + e.kind.toLowerCase().replace("_", " ") },
      { title: "Generation", right: true, cell: (e) => e.generation || "–" },
      { title: "Epoch", right: true, cell: (e) => e.epoch || "–" },
      { title: "Times", right: true, cell: (e) => count(e.count) },
      { title: "Why", class: "wide", cell: (e) => e.message },
    ],
  });
}

function Plan({ details }) {
  const block = (label, text) => h("pre", { tabIndex: 0, role: "region", "aria-label": label }, text);
  return h("div", null, block("Plan", details.plan), h("h3", null, "Script"), block("Script", details.job.script));
}

function Facts({ job }) {
  const facts = [["State", h(StateBadge, { state: job.state })], ["Generation", count(job.generation)], ["Epoch", count(job.epoch)],
    ["Parallelism", count(job.parallelism)], ["To read", count(job.lag_records)],
    ["Watermark (UTC)", time(job.live_watermark || job.watermark)], ["State size", bytes(job.state_bytes)]];
  return h("dl", { class: "facts" }, facts.map(([name, value]) => h("div", { key: name }, h("dt", null, name), h("dd", null, value))));
}

export function Job({ details }) {
  const { job } = details;
  const tables = job.tables.map((table) => ({ job, ...table }));
  const link = (part) => `#/jobs/${encodeURIComponent(job.id)}/${part}`;
  const views = { graph: Graph, sources: Sources, tasks: Tasks, checkpoints: Checkpoints, commits: Commits, rows: Rows, events: Events, plan: Plan };
  return h("div", null,
    h("p", { class: "crumbs" }, h("a", { href: "#/" }, "All tables")),
    h("h1", { tabIndex: -1 }, job.name, " ", h("span", { class: "id" }, job.id)),
    h(Verdict, { tables }),
    h(TableList, { tables }),
    job.reason && h("p", null, h("strong", null, "Job: "), job.reason),
    job.warnings.map((warning) => h("p", { key: warning, class: "warning" }, "! ", warning)),
    h(Facts, { job }),
    h("nav", { class: "parts", "aria-label": "Parts of this job" },
      PARTS.map(([id, title]) => h("a", { key: id, href: link(id) }, title))),
    PARTS.map(([id, title]) => h(Section, { key: id, id, title }, h(views[id], { details }))));
}
