// The history at the side: every recording, how far it is, and what can be done with it.
import { api } from "./api.js";
import { button, el, seconds, when } from "./dom.js";
import * as store from "./store.js";

export const jobHash = (id) => `#/job/${encodeURIComponent(id)}`;
const ICONS = { queued: "○", running: "◔", done: "●", silent: "◌", failed: "▲", cancelled: "■" };

export function setUpJobs(list, onError) {
  const render = () => {
    const focused = document.activeElement?.closest?.("#jobs [data-key]")?.dataset.key;
    const jobs = store.all();
    list.replaceChildren(...(jobs.length ? jobs.map((job) => item(job, onError)) : [el("li", { class: "soft none" }, "Nothing yet.")]));
    // The list is drawn anew; who was in it stays where they were.
    if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  };
  store.onChange(render);
  window.addEventListener("hashchange", render);
  render();
}

function item(job, onError) {
  const current = location.hash.split("?")[0] === jobHash(job.id);
  return el("li", { class: `job ${job.state}`, "data-job": job.id },
    el("a", { href: jobHash(job.id), "data-key": `open-${job.id}`, "aria-current": current ? "page" : null, title: job.path },
      el("span", { class: "icon", "aria-hidden": "true" }, ICONS[job.state] || ""),
      el("span", { class: "name" }, job.name),
      el("span", { class: "state" }, line(job))),
    store.isActive(job) ? bar(job) : null,
    el("div", { class: "actions" }, actions(job, onError, "quiet")));
}

function line(job) {
  if (job.state === "running") return progressText(job);
  return [store.stateText(job), when(job.created)].filter(Boolean).join(" · ");
}

export function progressText(job) {
  const part = store.share(job);
  const left = job.seconds_left === null || job.seconds_left === undefined ? null : `${seconds(job.seconds_left)} left`;
  return [store.phaseText(job), part === null ? null : `${Math.floor(100 * part)} %`, left].filter(Boolean).join(", ");
}

export function bar(job) {
  const part = store.share(job);
  // Without a value the bar moves to and fro: it is not known how far it is.
  return el("progress", { max: 1, value: part, "aria-label": `${job.name}: ${store.phaseText(job)}` });
}

/** Buttons for what can be done with a job now. */
export function actions(job, onError, look = "") {
  const act = (text, run, name) =>
    button(text, async (event) => {
      event.target.disabled = true;
      try {
        await run();
      } catch (error) {
        event.target.disabled = false;
        onError(error);
      }
    }, { class: look, "aria-label": `${text} ${job.name}`, "data-key": `${name}-${job.id}`, "data-action": name });
  if (store.isActive(job)) return [act("Cancel", async () => store.put((await api.cancel(job.id)) || store.get(job.id)), "cancel")];
  return [
    act("Restart", async () => {
      const again = (await api.restart(job.id)) || job;
      await store.refresh();
      location.hash = jobHash(again.id);
    }, "restart"),
    act("Delete", async () => {
      if (!window.confirm(`Delete ${job.name} from the history? The video itself stays.`)) return;
      await api.remove(job.id);
      store.drop(job.id);
      if (location.hash.split("?")[0] === jobHash(job.id)) location.hash = "#/open";
    }, "delete"),
  ];
}
