// The picture: cells coloured over it, and regions drawn on it. Everything is in the video's pixels.
import { css, gradient } from "./colours.js";
import { el, number } from "./dom.js";

const SCALE = "viridis";
const [FAINT, SOLID] = [0.12, 0.62]; // how much of the picture a cell covers

/**
 * A picture that fits its box.
 * `onDraw(region)` is called with [x, y, width, height] when one was drawn with the mouse.
 */
export class Stage {
  constructor({ alt, onDraw = null }) {
    this.image = el("img", { alt, draggable: "false" });
    this.cells = el("canvas", { "aria-hidden": "true" });
    this.marks = el("div", { class: "marks" });
    this.wait = el("p", { class: "wait" }, "Opening…");
    this.frame = el("div", { class: "frame" }, this.image, this.cells, this.marks);
    this.element = el("div", { class: "stage" }, this.frame, this.wait);
    this.size = null;
    this.map = null;
    this.onDraw = onDraw;
    if (onDraw) {
      this.frame.classList.add("drawable");
      this.frame.addEventListener("pointerdown", (event) => this.#draw(event));
    }
    this.image.addEventListener("load", () => {
      if (!this.size) this.setSize(this.image.naturalWidth, this.image.naturalHeight);
      this.wait.hidden = true;
    });
    this.image.addEventListener("error", () => this.say("There is no picture of this video."));
    this.observer = new ResizeObserver(() => this.#fit());
    this.observer.observe(this.element);
  }

  say(text) {
    this.wait.textContent = text;
    this.wait.hidden = false;
  }

  /** Show a picture; one that is shown already stays until the next has come. */
  show(url) {
    this.image.src = url;
  }

  setSize(width, height) {
    this.size = [width, height];
    this.#fit();
  }

  #fit() {
    if (!this.size) return;
    const [width, height] = this.size;
    const scale = Math.min(this.element.clientWidth / width, this.element.clientHeight / height);
    if (!(scale > 0)) return;
    Object.assign(this.frame.style, { width: `${Math.floor(width * scale)}px`, height: `${Math.floor(height * scale)}px` });
    this.#paint();
  }

  /**
   * Colour the cells: `places` are [x, y, width, height], `values` numbers or null, `crossed` says
   * which are of no use, `shares` how bright each is, 0 to 1. With `faint` dark cells cover less.
   */
  setMap(map) {
    this.map = map;
    this.#paint();
  }

  #paint() {
    const [wide, high] = [this.frame.clientWidth, this.frame.clientHeight];
    const sharp = window.devicePixelRatio || 1;
    this.cells.width = Math.round(wide * sharp);
    this.cells.height = Math.round(high * sharp);
    if (!this.map || !this.size) return;
    const { places, values, crossed = [], shares, faint = false } = this.map;
    const [kx, ky] = [this.cells.width / this.size[0], this.cells.height / this.size[1]];
    const context = this.cells.getContext("2d");
    places.forEach(([x, y, width, height], i) => {
      const box = [Math.round(x * kx), Math.round(y * ky)];
      box.push(Math.round((x + width) * kx) - box[0], Math.round((y + height) * ky) - box[1]);
      if (values[i] !== null) {
        context.fillStyle = css(SCALE, shares[i], faint ? FAINT + (SOLID - FAINT) * shares[i] : SOLID);
        context.fillRect(...box);
      }
      if (crossed[i]) cross(context, box, sharp);
    });
  }

  setRegions(regions) {
    this.marks.replaceChildren(...regions.map((region, i) => this.#mark(region, `region ${i + 1}`, regions.length > 1 ? `${i + 1}` : "")));
  }

  #mark([x, y, width, height], label, text) {
    const [whole, tall] = this.size || [1, 1];
    const percent = (part, all) => `${(100 * part) / all}%`;
    const style = { left: percent(x, whole), top: percent(y, tall), width: percent(width, whole), height: percent(height, tall) };
    return el("div", { class: "mark", title: label, style }, text);
  }

  #draw(event) {
    if (event.button !== 0 || !this.size) return;
    event.preventDefault();
    const begun = this.#place(event);
    let region = null;
    const move = (moved) => {
      region = box(begun, this.#place(moved));
      const mark = this.#mark(region, "", "");
      mark.classList.add("drawing");
      this.marks.querySelector(".drawing")?.remove();
      this.marks.append(mark);
    };
    const end = () => {
      this.frame.removeEventListener("pointermove", move);
      this.marks.querySelector(".drawing")?.remove();
      if (region && region[2] >= 4 && region[3] >= 4) this.onDraw(region);
    };
    this.frame.setPointerCapture(event.pointerId);
    this.frame.addEventListener("pointermove", move);
    this.frame.addEventListener("pointerup", end, { once: true });
    this.frame.addEventListener("pointercancel", end, { once: true });
  }

  #place(event) {
    const bounds = this.frame.getBoundingClientRect();
    const within = (at, from, length, all) => Math.round(Math.min(1, Math.max(0, (at - from) / length)) * all);
    return [
      within(event.clientX, bounds.left, bounds.width, this.size[0]),
      within(event.clientY, bounds.top, bounds.height, this.size[1]),
    ];
  }

  close() {
    this.observer.disconnect();
  }
}

function box([x0, y0], [x1, y1]) {
  return [Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0)];
}

function cross(context, [x, y, width, height], thick) {
  context.strokeStyle = "#d55e00";
  context.lineWidth = thick;
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + width, y + height);
  context.moveTo(x + width, y);
  context.lineTo(x, y + height);
  context.stroke();
}

/** Where each value lies between the ends of the scale, 0 to 1; null stays null. */
export function shares(values, low, high, logarithmic) {
  const bend = logarithmic ? Math.log : (value) => value;
  const [from, to] = [bend(low), bend(high)];
  return values.map((value) => (value === null ? null : to > from ? (bend(value) - from) / (to - from) : 1));
}

/** Cells by their noise: bright hears best. */
export function noiseMap(cells) {
  const values = cells.map((cell) => cell.noise_px ?? null);
  const known = values.filter((value) => value > 0).sort((a, b) => a - b);
  if (!known.length) return null;
  // A few odd cells must not take the whole scale.
  const low = known[Math.floor(0.02 * (known.length - 1))];
  const high = known[Math.ceil(0.9 * (known.length - 1))];
  return {
    places: cells.map((cell) => [cell.x_px, cell.y_px, cell.width_px, cell.height_px]),
    crossed: cells.map((cell) => cell.saturated === true || cell.saturated > 0.05),
    values,
    shares: shares(values, low, high, true).map((share) => (share === null ? null : 1 - share)),
    legend: { title: "noise", left: `${number(high, 2)} px`, right: `${number(low, 2)} px` },
  };
}

const FAINTEST_DB = 40; // below the cell that hears best; report pictures do the same

/** Cells by how far the sound stands above their noise. */
export function hearingMap(places, levels) {
  const known = levels.filter((level) => level !== null);
  if (!known.length) return null;
  const high = known.reduce((a, b) => Math.max(a, b));
  const low = Math.max(known.reduce((a, b) => Math.min(a, b)), high - FAINTEST_DB);
  const values = levels.map((level) => (level === null ? null : Math.max(level, low)));
  return {
    places,
    values,
    faint: true,
    shares: shares(values, low, high, false),
    legend: { title: "over its noise", left: `${low.toFixed(0)} dB`, right: `${high.toFixed(0)} dB` },
  };
}

/** Explains the colours; the right end, which is bright, hears best. */
export function legend({ title, left, right }) {
  return el("div", { class: "legend", title: "Bright cells hear best" },
    el("span", {}, `${title}:`), el("span", { class: "mono" }, left),
    el("i", { class: "ramp", style: { background: gradient(SCALE) } }),
    el("span", { class: "mono" }, right));
}
