// Asks the coordinator every two seconds and shows what it says. Reads only.
const { h, render } = globalThis.preact;

import { Job, PARTS } from "./job.js";
import { Overview } from "./overview.js";
import { plural, time } from "./words.js";

const EVERY_MS = 2000, PATIENCE_MS = 8000;

const state = { route: { job: "", part: "" }, cluster: null, view: null, error: null, since: null };

export function routeOf(hash) {
  const [, kind, job, part] = hash.replace(/^#/, "").split("/");
  const known = PARTS.some(([id]) => id === part);
  try {
    return kind === "jobs" && job ? { job: decodeURIComponent(job), part: known ? part : "" } : { job: "", part: "" };
  } catch {
    return { job: "", part: "" };  // not a name that encodeURIComponent has written
  }
}

async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), headers: { Accept: "application/json" } });
  const isJson = (response.headers.get("Content-Type") || "").startsWith("application/json");
  const body = isJson ? await response.json() : { error: { message: (await response.text()).trim() } };
  if (response.ok) return body;
  throw Object.assign(new Error(body.error.message), { reason: body.error.reason || "", leader: body.error.leader || "" });
}

async function refresh() {
  const { route } = state;
  try {
    const [cluster, first, second] = await Promise.all([ask("/api/v1/cluster"),
      ...(route.job ? [ask(`/api/v1/jobs/${encodeURIComponent(route.job)}`)] : [ask("/api/v1/jobs"), ask("/api/v1/workers")])]);
    if (route !== state.route) return;  // the user has gone on
    state.cluster = cluster;
    state.view = route.job ? { details: first } : { jobs: first.jobs, workers: second.workers };
    state.error = null;
    state.since = null;
  } catch (error) {
    if (route !== state.route) return;
    state.error = error;
    state.since = state.since || new Date().toISOString();
  }
  show();
}

function Trouble({ error, since, stale }) {
  if (error.reason === "NOT_LEADER") {
    return h("div", { class: "trouble", role: "alert" },
      h("h1", { tabIndex: -1 }, "This coordinator stands by"),
      h("p", null, error.leader
        ? ["The leader's API is at ", h("strong", null, error.leader), ". Open the status page of that coordinator: it listens at its own --http address."]
        : "No coordinator is known to lead now; one will within seconds."));
  }
  return h("div", { class: "trouble", role: "alert" },
    stale ? null : h("h1", { tabIndex: -1 }, "Nothing to show"),
    h("p", null, error.name === "TypeError" || error.name === "TimeoutError" ? "The coordinator does not answer" : error.message,
      ` (since ${time(since)} UTC${stale ? "; below is what it said before" : ""}). It is asked again every two seconds.`));
}

function Frame() {
  const { cluster, view, error, since } = state;
  const away = error && (error.reason === "NOT_LEADER" || error.reason === "JOB_NOT_FOUND");
  return [
    h("header", { class: "top" },
      h("a", { class: "brand", href: "#/" }, "Weir"),
      cluster && !away && h("p", { class: "cluster" },
        `${cluster.version} · leader ${cluster.leader}, term ${cluster.term} · ${plural(cluster.workers, "worker")}, ${cluster.slots_used} of ${plural(cluster.slots, "slot")} used · ${plural(cluster.jobs_running, "job")} running`)),
    h("main", { id: "main", tabIndex: -1 },
      error && h(Trouble, { error, since, stale: view !== null && !away }),
      view === null || away ? (error ? null : h("p", { class: "quiet" }, "Asking the coordinator …"))
        : view.details ? h(Job, view) : h(Overview, view)),
    h("footer", null,
      h("p", null, "Reads only; asked every two seconds. The same in a terminal: ", h("code", null, "weir job get"), ", ",
        h("code", null, "weir job events"), ". ", h("a", { href: "/metrics" }, "Metrics"), " · ",
        h("a", { href: "/assets/licenses.txt" }, "Licences"))),
  ];
}

function show() {
  const name = state.route.job && state.view && state.view.details ? `${state.view.details.job.name} · ` : "";
  document.title = `${name}Weir`;
  render(h(Frame), document.getElementById("app"));
}

function focusOn(selector) {
  const target = document.querySelector(selector);
  if (target) {
    target.focus({ preventScroll: true });
    target.scrollIntoView();
  }
}

async function follow() {
  const before = state.route;
  const route = routeOf(location.hash);
  if (route.job !== before.job || state.view === null) {
    state.route = route;
    state.view = null;
    state.error = null;
    show();
    await refresh();
    if (before.started) window.scrollTo(0, 0);
    if (before.started && !route.part) focusOn("main h1");
  } else {
    state.route = route;
  }
  state.route.started = true;
  if (route.part) focusOn(`#h-${route.part}`);
}

document.getElementById("skip").addEventListener("click", (event) => {
  event.preventDefault();  // the hash is the route
  focusOn("#main");
});
window.addEventListener("hashchange", follow);
document.addEventListener("visibilitychange", () => document.hidden || refresh());
await follow();
while (true) {
  await new Promise((done) => setTimeout(done, EVERY_MS));
  if (!document.hidden) await refresh();
}
