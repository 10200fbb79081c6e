// One recording: its progress while it runs, then what came of it.
import { api } from "./api.js";
import { el } from "./dom.js";
import { actions, bar, progressText } from "./joblist.js";
import { setupHash } from "./files.js";
import { problem } from "./notices.js";
import { ResultView } from "./result.js";
import { Stage } from "./stage.js";
import * as store from "./store.js";

export class JobView {
  constructor(id, onError) {
    this.id = id;
    this.onError = onError;
    this.title = el("h2", {}, "…");
    this.tools = el("div", { class: "row tools" });
    this.body = el("div", { class: "jobbody" });
    this.element = el("div", { class: "view job" }, el("div", { class: "row heading" }, this.title, el("span", { class: "grow" }), this.tools), this.body);
    this.stop = store.onChange((job) => { if (!job || job.id === id) this.#update(store.get(id)); });
    this.#fetch();
  }

  async #fetch() {
    try {
      this.#update(await api.job(this.id));
    } catch (error) {
      this.title.textContent = "This recording is not there";
      this.body.replaceChildren(problem(error, "It cannot be shown"));
    }
  }

  #update(job) {
    if (!job || this.closed) return;
    this.title.textContent = job.name;
    this.title.title = job.path;
    const finished = job.state === "done" || job.state === "silent";
    const shape = finished ? `result ${job.listening?.id}` : store.isActive(job) ? "active" : job.state;
    if (shape !== this.shape) {
      this.shape = shape;
      this.#drop();
      this.tools.replaceChildren(...(store.isActive(job) ? [] : [el("a", { class: "button", href: setupHash(job.path) }, "New settings"), ...actions(job, this.onError)]));
      if (finished && job.listening) this.part = new ResultView(job);
      else if (store.isActive(job)) this.part = new Running(job, this.onError);
      else this.part = { element: ended(job) };
      this.body.replaceChildren(this.part.element);
    }
    this.part.update?.(job);
  }

  #drop() {
    this.part?.close?.();
    this.part = null;
  }

  close() {
    this.closed = true;
    this.stop();
    this.#drop();
  }
}

function ended(job) {
  if (job.state === "failed") return el("div", { class: "panel pad stack" }, problem(new Error(job.error || "It failed."), "This recording could not be listened to"));
  return el("div", { class: "panel pad" }, el("p", {}, job.state === "cancelled" ? "Cancelled. Restart begins anew with the same settings." : "There is no result."));
}

class Running {
  constructor(job, onError) {
    this.stage = new Stage({ alt: "First frame of the video" });
    this.stage.show(api.pictureUrl(job.path));
    const regions = (job.settings.region || []).map((region) => region.split(",").map(Number));
    this.stage.image.addEventListener("load", () => this.stage.setRegions(regions), { once: true });
    this.text = el("p", { class: "big" });
    this.meter = el("div");
    this.element = el("div", { class: "columns running" },
      el("div", { class: "panel picture" }, this.stage.element),
      el("div", { class: "panel pad stack" }, this.text, this.meter,
        el("p", { class: "soft" }, "Measuring goes over every frame once. Afterwards other bands and regions are heard at once. It goes on if you close this page."),
        el("div", { class: "row" }, actions(job, onError))));
  }

  update(job) {
    this.text.textContent = progressText(job);
    this.meter.replaceChildren(bar(job));
  }

  close() {
    this.stage.close();
  }
}
