// The job's graph: topics, vertices, tables, from left to right.
const { h } = globalThis.preact;

import { count, lastName, percent, plural, rate, time } from "./words.js";

const WIDTH = 232, GAP = 56, HEIGHT = 96, ROW = 116;

const worst = (tasks, key) => tasks.reduce((most, task) => Math.max(most, task[key]), -1);
const sum = (tasks, key) => tasks.reduce((all, task) => all + task[key], 0);

function cut(text, length) {
  const characters = [...text];
  return characters.length > length ? `${characters.slice(0, length - 1).join("")}…` : text;
}

// Columns by the longest way from a source; sources first, tables last.
export function layout(details) {
  const depth = new Map(details.vertices.map((v) => [v.number, 0]));
  for (let round = 0; round < details.vertices.length; round += 1) {
    for (const edge of details.edges) {
      depth.set(edge.to_vertex, Math.max(depth.get(edge.to_vertex), depth.get(edge.from_vertex) + 1));
    }
  }
  const last = Math.max(0, ...depth.values()) + 2;
  const nodes = new Map();
  const lines = [];
  const rows = new Map();
  const add = (id, column, node) => {
    if (nodes.has(id)) return;
    const row = rows.get(column) || 0;
    rows.set(column, row + 1);
    nodes.set(id, { ...node, x: column * (WIDTH + GAP), y: row * ROW });
  };
  for (const vertex of details.vertices) {
    for (const source of vertex.sources) {
      add(`source ${source}`, 0, { kind: "source", name: source });
      lines.push([`source ${source}`, `vertex ${vertex.number}`]);
    }
  }
  for (const vertex of details.vertices) {
    add(`vertex ${vertex.number}`, depth.get(vertex.number) + 1, { kind: "vertex", vertex, name: vertex.name });
  }
  for (const edge of details.edges) lines.push([`vertex ${edge.from_vertex}`, `vertex ${edge.to_vertex}`]);
  for (const vertex of details.vertices) {
    for (const sink of vertex.sinks) {
      const table = details.job.tables.find((t) => t.sink === sink);
      add(`sink ${sink}`, last, { kind: "sink", name: sink, table });
      lines.push([`vertex ${vertex.number}`, `sink ${sink}`]);
    }
  }
  return {
    nodes, lines,
    width: (last + 1) * (WIDTH + GAP) - GAP,
    height: Math.max(...rows.values(), 1) * ROW - (ROW - HEIGHT),
  };
}

function Line({ from, to }) {
  const x1 = from.x + WIDTH, y1 = from.y + HEIGHT / 2, x2 = to.x, y2 = to.y + HEIGHT / 2;
  const middle = (x1 + x2) / 2;
  return h("path", { class: "edge", d: `M${x1} ${y1} C${middle} ${y1} ${middle} ${y2} ${x2} ${y2}`, "marker-end": "url(#arrow)" });
}

function level(node) {
  if (node.kind === "sink") return node.table && node.table.status === "STALE" ? "bad" : "";
  if (node.kind !== "vertex") return "";
  const tasks = node.vertex.tasks;
  if (worst(tasks, "busy") >= 0.8) return "busy";
  if (worst(tasks, "blocked") >= 0.5) return "blocked";
  return "";
}

function Bar({ tasks }) {
  const inner = WIDTH - 24;
  const busy = Math.max(0, worst(tasks, "busy")) * inner;
  const blocked = Math.min(inner - busy, Math.max(0, worst(tasks, "blocked")) * inner);
  return h("g", { transform: "translate(12 80)" },
    h("rect", { class: "trough", width: inner, height: 7, rx: 2 }),
    h("rect", { class: "busy", width: busy, height: 7, rx: 2 }),
    h("rect", { fill: "url(#hatch)", x: busy, width: blocked, height: 7 }));
}

function lines(node, details) {
  if (node.kind === "source") {
    const partitions = details.vertices.filter((v) => v.sources.includes(node.name))
      .flatMap((v) => v.tasks).flatMap((t) => t.partitions);
    return [`source, ${plural(partitions.length, "partition")}`, `${count(sum(partitions, "lag_records"))} to read`];
  }
  if (node.kind === "sink") {
    const table = node.table;
    return ["table", table ? `${table.status.toLowerCase()}${table.age_ms >= 0 ? `, ${Math.round(table.age_ms / 1000)} s old` : ""}` : ""];
  }
  const tasks = node.vertex.tasks.filter((t) => t.reported);
  if (tasks.length === 0) return ["no task reports", ""];
  const read = sum(tasks, "records_per_second");
  const received = sum(tasks, "rows_received_per_second");
  const watermarks = tasks.map((t) => t.watermark).filter(Boolean).sort();
  return [
    `${plural(tasks.length, "task")}, ${read > 0 || node.vertex.sources.length > 0 ? rate(read) : rate(received)}`,
    `watermark ${watermarks.length ? time(watermarks[0]).slice(5) : "–"}`,
    `busy ${percent(worst(tasks, "busy"))}, blocked ${percent(worst(tasks, "blocked"))}`,
  ];
}

function Node({ node, details }) {
  const texts = lines(node, details);
  const name = node.kind === "sink" ? node.name : lastName(node.name);
  return h("g", { class: `node ${node.kind} ${level(node)}`, transform: `translate(${node.x} ${node.y})` },
    h("title", null, `${node.name}: ${texts.filter(Boolean).join(", ")}`),
    h("rect", { class: "box", width: WIDTH, height: HEIGHT, rx: node.kind === "vertex" ? 6 : 16 }),
    h("text", { class: "name", x: 12, y: 22 }, cut(name, 26)),
    texts.map((text, i) => h("text", { key: i, x: 12, y: 40 + i * 16 }, cut(text, 34))),
    node.kind === "vertex" && h(Bar, { tasks: node.vertex.tasks }));
}

export function Graph({ details }) {
  const { nodes, lines: edges, width, height } = layout(details);
  return h("div", null,
    h("div", { class: "scroll graph", tabIndex: 0, role: "region", "aria-label": "Job graph" },
      h("svg", { width: width + 4, height: height + 4, viewBox: `-2 -2 ${width + 4} ${height + 4}`, role: "group", "aria-label": "Sources, operators and tables" },
        h("defs", null,
          h("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 8, refY: 4, markerWidth: 8, markerHeight: 8, orient: "auto" },
            h("path", { class: "head", d: "M0 0 L8 4 L0 8 z" })),
          h("pattern", { id: "hatch", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
            h("rect", { class: "hatchback", width: 6, height: 6 }), h("rect", { class: "hatchline", width: 3, height: 6 }))),
        edges.map(([from, to], i) => h(Line, { key: i, from: nodes.get(from), to: nodes.get(to) })),
        [...nodes].map(([id, node]) => h(Node, { key: id, node, details })))),
    h("p", { class: "legend quiet" }, "Bars show the busiest task of each: ",
      h("span", { class: "swatch busy" }), " busy, ", h("span", { class: "swatch blocked" }), " blocked (waits for room behind it or for its slot), rest idle."));
}
