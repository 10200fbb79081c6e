// The recordings as the server has them, kept fresh by its events.
import { api } from "./api.js";
import { announce } from "./dom.js";

const jobs = new Map();
const changed = new EventTarget();
const STATES = {
  queued: "waiting", running: "running", done: "sound found", silent: "nothing heard", failed: "failed", cancelled: "cancelled",
};

export const stateText = (job) => STATES[job.state] || job.state;
export const phaseText = (job) =>
  ({ measuring: "Measuring motion", listening: "Listening" })[job.phase] || (job.state === "queued" ? "Waiting its turn" : "Starting");
export const isActive = (job) => job.state === "queued" || job.state === "running";
export const share = (job) => (job.total ? Math.min(1, job.done / job.total) : null);

export const all = () => [...jobs.values()];
export const get = (id) => jobs.get(id);

/** Call `listener(job or null)` when a job, or the list, changed. Returns how to stop that. */
export function onChange(listener) {
  const handle = (event) => listener(event.detail);
  changed.addEventListener("change", handle);
  return () => changed.removeEventListener("change", handle);
}

const tell = (job) => changed.dispatchEvent(new CustomEvent("change", { detail: job }));

export function put(job) {
  const before = jobs.get(job.id);
  if (before) jobs.set(job.id, job);
  else {
    const others = [...jobs];
    jobs.clear();
    for (const [id, each] of [[job.id, job], ...others]) jobs.set(id, each);
  }
  speak(before, job);
  tell(job);
}

function speak(before, job) {
  if (!before) return;
  if (before.state !== job.state) announce(`${job.name}: ${stateText(job)}.`);
  else if (isActive(job)) {
    const [was, is] = [share(before), share(job)].map((part) => Math.floor((part || 0) * 4));
    if (before.phase !== job.phase || is > was) announce(`${job.name}: ${phaseText(job)}, ${is * 25} per cent.`);
  }
}

export function drop(id) {
  jobs.delete(id);
  tell(null);
}

export async function refresh() {
  const { jobs: listed } = await api.jobs();
  jobs.clear();
  for (const job of listed) jobs.set(job.id, job);
  tell(null);
}

/** Follow the server's events for as long as the page lives. */
export function follow() {
  const events = new EventSource("/api/events");
  let lost = false;
  events.addEventListener("job", (event) => put(JSON.parse(event.data)));
  events.addEventListener("open", () => {
    if (lost) refresh().catch(() => {});
    lost = false;
    window.dispatchEvent(new CustomEvent("server-back"));
  });
  events.addEventListener("error", () => {
    lost = true;
    window.dispatchEvent(new CustomEvent("server-gone"));
    // A browser gives up for good on some answers; a page that is left open must not.
    if (events.readyState === EventSource.CLOSED) setTimeout(follow, 2000);
  });
}
