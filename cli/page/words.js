// How figures read: pure functions, no page.

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(n) {
  return number.format(n);
}

export function rate(perSecond) {
  if (perSecond > 0 && perSecond < 10) return `${perSecond.toFixed(1)}/s`;
  return `${count(perSecond)}/s`;
}

export function bytes(n) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) {
    n /= 1024;
    unit += 1;
  }
  return `${unit === 0 || n >= 100 ? n.toFixed(0) : n.toFixed(1)} ${units[unit]}`;
}

// The two largest units at most.
export function duration(ms) {
  if (ms < 0) return "–";
  if (ms < 1000) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s < 10 ? Number(s.toFixed(1)) : Math.round(s)} s`;
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  let left = Math.round(s);
  const shown = [];
  for (const [size, unit] of parts) {
    const n = Math.floor(left / size);
    left -= n * size;
    if (n > 0 || shown.length > 0) shown.push(n > 0 ? `${n} ${unit}` : "");
    if (shown.length === 2) break;
  }
  return shown.filter(Boolean).join(" ");
}

export function ago(ms) {
  return ms < 1000 ? "just now" : `${duration(Math.floor(ms / 1000) * 1000)} ago`;
}

// "2026-11-23T02:59:01.123456Z" as "2026-11-23 02:59:01"; the end of a bounded source is no time.
export function time(text) {
  if (!text) return "–";
  if (text.startsWith("9999-12-31")) return "end of the source";
  return text.replace("T", " ").replace(/(\.\d+)?Z$/, "");
}

export function percent(share) {
  return share < 0 ? "–" : `${Math.round(share * 100)} %`;
}

export function plural(n, one, many = `${one}s`) {
  return `${count(n)} ${n === 1 ? one : many}`;
}

// The last name of a path, which is what people call a table.
export function lastName(path) {
  return path.replace(/\/+$/, "").split("/").pop() || path;
}
