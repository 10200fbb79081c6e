// What was heard: the verdict first, then the sound, the picture, and other ways to listen.
import { api, download } from "./api.js";
import { announce, button, choice, el, labelled, number } from "./dom.js";
import { setKeys } from "./keys.js";
import { problem, sentences } from "./notices.js";
import { followFrames } from "./picture-in-time.js";
import { Player } from "./player.js";
import { RegionFields } from "./regions.js";
import { Stage, hearingMap, legend } from "./stage.js";

const HEADROOM = 1.15; // of the spectrogram above the band

export class ResultView {
  constructor(job) {
    this.job = job;
    this.listenings = [job.listening];
    this.player = new Player({ onTime: (time) => this.frames.at(time), onBand: (band) => this.#hear({ band }) });
    this.stage = new Stage({ alt: "Video frame at the playhead", onDraw: (region) => this.#hear({ regions: [region] }) });
    this.frames = followFrames(job.id, this.stage);
    this.mapToggle = el("input", { type: "checkbox", checked: true, onchange: () => this.#showMap() });
    this.legend = el("div");
    this.verdict = el("div", { class: "verdict", role: "status" });
    this.downloads = el("div", { class: "row downloads", role: "group", "aria-label": "Downloads" });
    this.trouble = el("div", { class: "trouble" });
    this.element = el("div", { class: "result" }, this.verdict, this.trouble,
      el("div", { class: "columns" },
        el("div", { class: "stack left" },
          el("div", { class: "panel picture" }, this.stage.element,
            el("div", { class: "row below" }, el("label", { class: "check" }, this.mapToggle, "Where it is heard"), this.legend)),
          this.#form()),
        el("div", { class: "panel right" }, this.player.element, this.downloads)));
    setKeys(this.#keys());
    this.#show(job.listening);
  }

  #keys() {
    const player = this.player;
    return {
      " ": () => player.toggle(), a: () => player.use("measured"), b: () => player.use("enhanced"),
      ArrowLeft: (event) => player.skip(event.shiftKey ? -0.1 : -1), ArrowRight: (event) => player.skip(event.shiftKey ? 0.1 : 1),
      Home: () => player.seek(0), End: () => player.seek(player.duration),
      "+": () => player.zoom(2), "=": () => player.zoom(2), "-": () => player.zoom(0.5), 0: () => player.zoom(0),
      m: () => this.mapToggle.click(),
    };
  }

  #form() {
    const { settings, listening } = this.job;
    this.band = [0, 1].map((i) => el("input", { type: "number", min: 0, step: "any", required: true, "aria-label": i ? "Highest frequency, Hz" : "Lowest frequency, Hz", value: number(listening.band_hz[i], 4).replace(/,/g, "") }));
    this.regions = new RegionFields({ onChange: (regions) => this.stage.setRegions(regions) });
    this.enhance = choice({ "": "No", speech: "For speech", general: "For all else" }, settings.enhance || "");
    this.mains = choice({ auto: "If found", 50: "50 Hz", 60: "60 Hz", off: "Leave in" }, settings.mains || "auto");
    this.hearButton = el("button", { type: "submit", class: "primary" }, "Hear it");
    this.history = el("select", { "aria-label": "Ways listened", onchange: () => this.#show(this.listenings[this.history.selectedIndex]) });
    return el("form", { class: "panel pad again", onsubmit: (event) => { event.preventDefault(); this.#hear({}); } },
      el("div", { class: "row" }, el("h3", { class: "grow" }, "Listen otherwise"), this.history),
      el("div", { class: "row bandrow" }, el("span", { class: "label grow" }, "Band, Hz"), this.band[0], "to", this.band[1]),
      el("div", { class: "pair" }, labelled("Enhance", this.enhance), labelled("Mains hum", this.mains)),
      this.regions.element,
      el("div", { class: "row" }, this.hearButton, button("As at first", () => this.#show(this.listenings[0]))));
  }

  async #hear({ band = null, regions = null }) {
    if (band) band.forEach((hz, i) => { this.band[i].value = hz; });
    if (regions) {
      this.regions.set(regions);
      this.stage.setRegions(regions);
    }
    const [low, high] = this.band.map((field) => Number(field.value));
    if (!(low < high)) {
      this.#fail(new Error(`The band goes from ${low} to ${high} Hz; its lowest frequency comes first.`));
      return;
    }
    this.asking?.abort();
    const asking = (this.asking = new AbortController());
    this.element.classList.add("busy-result");
    try {
      const listening = await api.listen(this.job.id, {
        band: `${low},${high}`, region: this.regions.regions.map((region) => region.join(",")),
        enhance: this.enhance.value || null, mains: this.mains.value,
      }, asking.signal);
      this.listenings.push(listening);
      await this.#show(listening);
    } catch (error) {
      if (error.name !== "AbortError") this.#fail(error);
    }
    if (this.asking === asking) this.element.classList.remove("busy-result");
  }

  #fail(error) {
    this.trouble.replaceChildren(problem(error, "This cannot be heard"));
  }

  async #show(listening) {
    this.shown = listening;
    this.trouble.replaceChildren();
    this.verdict.replaceChildren(...verdictOf(listening));
    this.verdict.className = `verdict ${listening.detected ? "heard" : "silent"}`;
    announce(listening.verdict);
    if (listening.width) this.stage.setSize(listening.width, listening.height);
    this.band.forEach((field, i) => { field.value = Number(listening.band_hz[i].toPrecision(4)); });
    const regions = (listening.region || []).map(numbers);
    this.regions.set(regions);
    this.stage.setRegions(regions);
    this.map = hearingMap(listening.cells || [], listening.hearing_db || []);
    this.#showMap();
    this.#showHistory();
    this.#showDownloads(listening);
    try {
      await this.player.load(listening, this.#highest());
    } catch (error) {
      this.#fail(error);
    }
    this.element.dataset.listening = listening.id;
  }

  /** All listenings share one frequency axis, so that they can be compared. */
  #highest() {
    return Math.max(...this.listenings.map(({ band_hz: band, rate_hz: rate }) => Math.min(rate / 2 || Infinity, HEADROOM * band[1])));
  }

  #showMap() {
    const on = this.mapToggle.checked;
    this.stage.setMap(on ? this.map : null);
    this.legend.replaceChildren(...(!this.map ? [el("span", { class: "soft" }, "nowhere")] : on ? [legend(this.map.legend)] : []));
  }

  #showHistory() {
    this.history.replaceChildren(...this.listenings.map((each, i) => el("option", { value: i }, describe(each, i))));
    this.history.selectedIndex = this.listenings.indexOf(this.shown);
    this.history.hidden = this.listenings.length < 2;
  }

  #showDownloads(listening) {
    const link = (text, href, name) => el("a", { class: "button", href, download: "", "data-download": name }, text);
    this.downloads.replaceChildren(
      el("span", { class: "soft" }, "Download"),
      ...listening.versions.map((name) => link(`${name[0].toUpperCase()}${name.slice(1)} WAV`, download(listening.sounds[name]), name)),
      listening.spectrogram ? link("Spectrogram", download(listening.spectrogram), "spectrogram") : "",
      link("Report", api.reportUrl(this.job.id, listening.id), "report"));
  }

  close() {
    setKeys({});
    this.asking?.abort();
    this.frames.close();
    this.player.close();
    this.stage.close();
  }
}

const numbers = (region) => (typeof region === "string" ? region.split(",").map(Number) : Array.isArray(region) ? region : [region.x, region.y, region.width, region.height]);

function describe(listening, i) {
  const [low, high] = listening.band_hz;
  const regions = (listening.region || []).length;
  const where = regions ? `${regions} region${regions > 1 ? "s" : ""}` : "whole picture";
  return `${i + 1}. ${number(low)}–${number(high)} Hz, ${where}${listening.detected ? "" : ", nothing heard"}`;
}

function verdictOf(listening) {
  const stats = {
    "sound over noise": listening.snr_db === null ? "–" : `${listening.snr_db.toFixed(1)} dB`,
    "heard at": listening.heard_hz ? `${number(listening.heard_hz[0])}–${number(listening.heard_hz[1])} Hz` : "–",
    motion: listening.detected ? `${number(listening.motion_rms_px, 2)} px RMS` : "–",
    "noise left": `${number(listening.noise_floor_px, 2)} px RMS`,
    "least detectable": `${number(listening.detectable_px, 2)} px RMS`,
    "chance that it is noise": chance(listening.p_value),
  };
  return [
    el("p", { class: "sentence" }, el("span", { class: "icon", "aria-hidden": "true" }, listening.detected ? "●" : "◌"), listening.verdict),
    el("dl", { class: "stats" }, Object.entries(stats).map(([name, text]) => el("div", {}, el("dt", {}, name), el("dd", { class: "mono" }, text)))),
    listening.warnings?.length
      ? el("details", { class: "warnings" }, el("summary", {}, `${listening.warnings.length} thing${listening.warnings.length > 1 ? "s" : ""} to mind`), sentences("", listening.warnings))
      : null,
  ].filter(Boolean);
}

function chance(p) {
  if (p === null || p === undefined) return "–";
  if (p < 1e-6) return "< 1 in a million";
  return p < 0.01 ? `1 in ${Math.round(1 / p).toLocaleString("en-GB")}` : `${number(100 * p, 2)} %`;
}
