// Regions as numbers: the same as drawing them, for the keyboard and for exact work.
import { button, el } from "./dom.js";

const NAMES = ["x", "y", "width", "height"];

export const regionText = (region) => region.join(",");

/** Rows of number fields for regions; `onChange(regions)` after each change by hand. */
export class RegionFields {
  constructor({ onChange, size = null }) {
    this.onChange = onChange;
    this.size = size;
    this.regions = [];
    this.rows = el("div", { class: "regions" });
    this.empty = el("p", { class: "hint grow" }, "Whole picture; draw a region on it to listen only there.");
    this.addButton = button("Add region", () => this.add());
    this.clearButton = button("Clear", () => this.set([], true));
    this.element = el("div", { role: "group", "aria-label": "Regions", class: "regionset" }, this.rows,
      el("div", { class: "row" }, this.empty, this.addButton, this.clearButton));
    this.#render();
  }

  set(regions, tell = false) {
    this.regions = regions.map((region) => [...region]);
    this.#render();
    if (tell) this.onChange(this.regions);
  }

  add(region = null) {
    const [width, height] = this.size || [64, 64];
    const middle = [Math.round(width / 4), Math.round(height / 4), Math.round(width / 2), Math.round(height / 2)];
    this.set([...this.regions, region || middle], true);
    if (!region) this.rows.lastElementChild.querySelector("input").focus();
  }

  #render() {
    this.empty.hidden = this.regions.length > 0;
    this.clearButton.hidden = this.regions.length === 0;
    this.rows.replaceChildren(...this.regions.map((region, i) => this.#row(region, i)));
  }

  #row(region, i) {
    const fields = NAMES.map((name, k) =>
      el("label", { class: "small" }, ["x", "y", "w", "h"][k],
        el("input", {
          type: "number", min: k < 2 ? 0 : 1, step: 1, value: region[k], required: true,
          max: this.size ? this.size[k % 2] : null,
          "aria-label": `region ${i + 1}: ${name} in pixels`,
          onchange: (event) => this.#edit(i, k, event.target),
        })));
    const remove = button("×", () => this.set(this.regions.filter((_, n) => n !== i), true), {
      class: "quiet", "aria-label": `Remove region ${i + 1}`, title: "Remove",
    });
    return el("div", { class: "region" }, fields, remove);
  }

  #edit(i, k, field) {
    if (!field.checkValidity()) {
      field.reportValidity();
      return;
    }
    this.regions[i][k] = Number(field.value);
    this.onChange(this.regions);
  }
}
