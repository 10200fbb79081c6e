// The form of a recovery: what the file says is filled in, with where it comes from.
import { choice, el, labelled, number } from "./dom.js";

const SOURCES = {
  user: "as given", container: "from the file's container", file: "from the file", table: "from a table of cameras",
  sidecar: "from a file beside it", lamp: "from the bands of a lamp", assumed: "assumed: the file does not say",
};
export const sourceText = (source) => SOURCES[source] || source || "";

/** Fields for all settings but the regions. `onChange()` when what the cells can hear may differ. */
export class SettingsForm {
  constructor(facts, onChange) {
    this.facts = facts;
    const shutter = facts.shutter || {};
    const kind = shutter.kind || (shutter.line_delay_s > 0 ? "rolling" : "global");
    const text = (value, attributes = {}) => el("input", { type: "text", value, autocomplete: "off", spellcheck: "false", ...attributes });
    this.fps = text(facts.capture_fps ? String(Number(facts.capture_fps.toFixed(4))) : "", { inputmode: "decimal" });
    this.filled = this.fps.value;
    this.shutter = choice({ "": `As the file has it: ${kind}`, global: "Global: all rows at once", rolling: "Rolling: row by row" });
    this.line = text("", { placeholder: shutter.line_delay_s ? `${number(shutter.line_delay_s * 1e6)} µs` : "16us" });
    this.readout = text("", { placeholder: "11.5ms" });
    this.direction = choice({ "": "As the file has it", down: "Top row first", up: "Bottom row first" });
    this.band = [0, 1].map((i) => el("input", { type: "number", min: 0, step: "any", placeholder: i ? "highest" : "lowest", "aria-label": i ? "Highest frequency, Hz" : "Lowest frequency, Hz" }));
    this.begin = el("input", { type: "number", min: 0, step: "any", placeholder: "0" });
    this.length = el("input", { type: "number", min: 0, step: "any", placeholder: "to the end" });
    this.enhance = choice({ "": "No, as measured only", speech: "For speech", general: "For music, machines, all else" });
    this.mains = choice({ auto: "If it is found", 50: "50 Hz", 60: "60 Hz", off: "Leave it in" }, "auto");
    this.element = this.#layout(kind, shutter);
    for (const field of [this.fps, this.shutter, this.line, this.readout, this.direction, this.begin, this.length, ...this.band]) {
      field.addEventListener("change", onChange);
    }
    this.shutter.addEventListener("change", () => this.#showRolling(kind));
    this.#showRolling(kind);
  }

  #layout(kind, shutter) {
    const play = this.facts.container_fps ? ` It plays at ${number(this.facts.container_fps, 6)}.` : "";
    const slow = ["file", "sidecar"].includes(this.facts.capture_fps_source) ? "" : " Slow motion was shot faster: give the true rate.";
    const rate = el("p", { class: "hint" }, `${capital(sourceText(this.facts.capture_fps_source))}.${play}${slow}`);
    this.rolling = el("div", { class: "pair" },
      labelled("Line delay", this.line), labelled("or read-out time", this.readout), labelled("Read from", this.direction));
    const more = el("details", {}, el("summary", {}, "Range and hum"),
      el("div", { class: "pair" }, labelled("Begin at, s", this.begin), labelled("Take, s", this.length)),
      labelled("Remove mains hum", this.mains));
    return el("div", { class: "fields" },
      labelled("Capture rate, frames/s", this.fps, rate),
      labelled("Shutter", this.shutter, `${capital(kind)}, ${sourceText(shutter.source) || "from the file"}.`),
      this.rolling,
      el("div", { class: "field" }, el("span", { class: "label" }, "Band, Hz"), el("div", { class: "row" }, this.band[0], "to", this.band[1])),
      labelled("Enhance for listening", this.enhance, "The measured sound is always kept beside it."),
      more);
  }

  #showRolling(kind) {
    this.rolling.hidden = (this.shutter.value || kind) !== "rolling";
  }

  /** The capture rate in the field, also as a fraction (30000/1001); null if it is none. */
  rate() {
    const [above, below = "1"] = this.fps.value.split("/");
    const found = Number(above) / Number(below);
    return above.trim() && Number.isFinite(found) && found > 0 ? found : null;
  }

  /** The settings as the server takes them. Throws an Error that says which field is wrong. */
  values(regions) {
    const band = this.band.map((field) => field.value);
    if (Boolean(band[0]) !== Boolean(band[1])) throw new Error("A band has a lowest and a highest frequency; fill in both or none.");
    if (band[0] && Number(band[0]) >= Number(band[1])) throw new Error(`The band goes from ${band[0]} to ${band[1]} Hz; its lowest frequency comes first.`);
    const given = this.fps.value.trim();
    const rolling = !this.rolling.hidden;
    return {
      fps: given && given !== this.filled ? given : null,
      region: regions.map((region) => region.join(",")),
      band: band[0] ? band.join(",") : null,
      start: Number(this.begin.value || 0),
      duration: this.length.value ? Number(this.length.value) : null,
      shutter: this.shutter.value || null,
      line_delay: (rolling && this.line.value.trim()) || null,
      readout: (rolling && this.readout.value.trim()) || null,
      direction: (rolling && this.direction.value) || null,
      enhance: this.enhance.value || null,
      mains: this.mains.value,
    };
  }
}

const capital = (text) => (text ? text[0].toUpperCase() + text.slice(1) : "");
