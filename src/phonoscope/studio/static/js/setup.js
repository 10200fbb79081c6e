// Before a recovery: the picture, what its cells can hear, and the settings.
import { api } from "./api.js";
import { announce, button, bytes, el, number, plain, seconds } from "./dom.js";
import { jobHash } from "./joblist.js";
import { setKeys } from "./keys.js";
import { problem, sentences } from "./notices.js";
import { RegionFields } from "./regions.js";
import { SettingsForm } from "./settings.js";
import { Stage, legend, noiseMap } from "./stage.js";
import * as store from "./store.js";

const PATIENCE_MS = 500; // after a change, before the cells are looked at again

export class SetupView {
  constructor(path) {
    this.path = path;
    this.aborting = new AbortController();
    this.stage = new Stage({ alt: "First frame of the video", onDraw: (region) => this.regions.add(region) });
    this.regions = new RegionFields({ onChange: (regions) => { this.stage.setRegions(regions); this.#soon(); } });
    this.mapToggle = el("input", { type: "checkbox", checked: true, onchange: () => this.#showMap() });
    this.legend = el("div");
    this.found = el("div", { class: "stack", "aria-live": "polite" });
    this.side = el("div", { class: "panel side-form" }, el("p", { class: "wait" }, "Reading the file…"));
    this.element = el("div", { class: "view setup" },
      el("h2", { title: path }, path.split(/[\\/]/).pop()),
      el("div", { class: "columns" },
        el("div", { class: "panel picture" }, this.stage.element,
          el("div", { class: "row below" },
            el("label", { class: "check" }, this.mapToggle, "Good microphones"), this.legend)),
        this.side));
    setKeys({ m: () => this.mapToggle.click() });
    this.stage.show(api.pictureUrl(path));
    this.#open();
  }

  async #open() {
    try {
      this.facts = await api.facts(this.path, this.aborting.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.element.classList.add("nothing");
      this.side.replaceChildren(el("div", { class: "pad stack" }, problem(error, "This file cannot be opened"),
        el("a", { class: "button", href: "#/open" }, "Choose another")));
      return;
    }
    const { width, height } = this.facts;
    this.stage.setSize(width, height);
    this.regions.size = [width, height];
    this.form = new SettingsForm(this.facts, () => this.#soon());
    this.known = el("div", { class: "stack" });
    this.#showFacts();
    this.startButton = button("Recover the sound", () => this.#start(), { class: "primary wide" });
    this.trouble = el("div", { class: "trouble" });
    this.side.replaceChildren(
      el("div", { class: "scroll stack pad" },
        this.known,
        el("h3", {}, "How it was recorded"), this.form.element,
        el("h3", {}, "Where to listen"), this.regions.element,
        el("h3", {}, "What to expect"), this.found),
      el("div", { class: "foot" }, this.trouble, this.startButton));
    this.#look();
  }

  /** The length in capture time; a warning about the file's rate is settled once a rate is given. */
  #showFacts() {
    const rate = this.form.rate();
    const settled = rate !== null && rate !== this.facts.capture_fps;
    this.known.replaceChildren(...[factList(this.facts, rate), settled ? null : sentences("Mind", this.facts.warnings, "warn")].filter(Boolean));
  }

  #soon() {
    if (!this.form) return; // drawn while the file is still read
    clearTimeout(this.timer);
    // Not at once: a click that ends a change must not find its target moved.
    this.timer = setTimeout(() => {
      this.#showFacts();
      this.#look();
    }, PATIENCE_MS);
  }

  async #look() {
    this.looking?.abort();
    const looking = (this.looking = new AbortController());
    this.found.replaceChildren(el("p", { class: "soft busy" }, "Looking which parts of the picture are good microphones…"));
    try {
      const found = await api.inspect(this.path, this.form.values(this.regions.regions), looking.signal);
      if (looking.signal.aborted) return;
      this.#show(found);
    } catch (error) {
      if (error.name === "AbortError" || looking.signal.aborted) return;
      this.stage.setMap(null);
      this.found.replaceChildren(problem(error, "This cannot be listened to so"));
    }
  }

  #show(found) {
    this.map = noiseMap(found.cells || []);
    this.#showMap();
    const [low, high] = found.band_hz;
    const news = (found.warnings || []).filter((sentence) => !(this.facts.warnings || []).includes(sentence));
    const facts = {
      "can be heard": `${number(low)} to ${number(high, 4)} Hz`,
      "noise floor": `${number(found.noise_floor_px, 2)} px RMS`,
      "least motion": `${number(found.detectable_px, 2)} px RMS would be detected`,
      "will take": [found.predicted_seconds ? `about ${seconds(found.predicted_seconds)}` : "", found.predicted_memory_bytes ? `${bytes(found.predicted_memory_bytes)} of memory` : ""].filter(Boolean).join(", "),
    };
    if (found.flicker) facts.lamp = flickerText(found.flicker);
    this.found.replaceChildren(...[definitions(facts), sentences("Mind", news, "warn"), sentences("Advice", found.advice)].filter(Boolean));
    announce(found.advice?.length ? plain(found.advice[0]) : "The picture was looked at.");
  }

  #showMap() {
    this.stage.setMap(this.mapToggle.checked ? this.map : null);
    this.legend.replaceChildren(...(this.map && this.mapToggle.checked ? [legend(this.map.legend)] : []));
  }

  async #start() {
    this.startButton.disabled = true;
    try {
      const job = await api.start(this.path, this.form.values(this.regions.regions));
      store.put(job);
      location.hash = jobHash(job.id);
    } catch (error) {
      this.startButton.disabled = false;
      this.trouble.replaceChildren(problem(error, "It was not started"));
    }
  }

  close() {
    clearTimeout(this.timer);
    this.aborting.abort();
    this.looking?.abort();
    this.stage.close();
    setKeys({});
  }
}

export function definitions(facts) {
  return el("dl", { class: "facts" }, Object.entries(facts).flatMap(([name, text]) => [el("dt", {}, name), el("dd", {}, text)]));
}

function factList(facts, rate) {
  const length = facts.frames && rate ? facts.frames / rate : facts.duration_s;
  const list = {
    picture: `${facts.width} × ${facts.height} px, ${facts.bits} bit, ${facts.codec}`,
    length: [length ? `${number(length, 4)} s` : null, facts.frames ? `${facts.frames.toLocaleString("en-GB")} frames` : null].filter(Boolean).join(", ") || "unknown",
  };
  if (facts.camera) list.camera = facts.camera;
  return definitions(list);
}

function flickerText(flicker) {
  if (typeof flicker === "string") return flicker;
  const hz = flicker.frequency_hz ?? flicker.hz;
  return hz ? `flickers at ${number(hz, 4)} Hz` : "flickers";
}
