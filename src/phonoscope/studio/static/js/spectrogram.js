// The spectrogram: sound over time and frequency, in dB above the noise that is left in it.
import { TABLES, gradient } from "./colours.js";
import { clock, colour, el, number } from "./dom.js";
import { densities } from "./spectrum.js";

export const GUTTER = 58; // px at the left for frequencies; the waveform keeps it free, too
const FOOT = 22; // px below for times
const LOWEST_DB = -5;
const HIGHEST_DB = [25, 55]; // even silence has a peak somewhere, and it must not shine
const SCALE = "magma";

export class Spectrogram {
  /** `onBand([low, high])` when one was drawn on the axis; `onSeek(time)` when a place was chosen. */
  constructor({ onBand, onSeek }) {
    this.canvas = el("canvas", { role: "img", "aria-label": "Spectrogram" });
    this.axis = el("div", { class: "axis", title: "Drag over frequencies to hear only these" });
    this.band = el("div", { class: "band", hidden: true });
    this.readout = el("div", { class: "readout", hidden: true });
    this.head = el("div", { class: "playhead" });
    this.area = el("div", { class: "area" }, this.head);
    this.element = el("div", { class: "spectrogram" }, this.canvas, this.area, this.axis, this.band, this.readout);
    this.range = [0, 1];
    this.sound = null;
    this.onBand = onBand;
    this.axis.addEventListener("pointerdown", (event) => this.#drag(event));
    this.area.addEventListener("click", (event) => onSeek(this.#time(event)));
    this.area.addEventListener("pointermove", (event) => this.#say(event));
    this.area.addEventListener("pointerleave", () => { this.readout.hidden = true; });
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(this.element);
  }

  /** `floor`: the noise, full scale²/Hz. `highest`: Hz at the top. `band`: Hz, marked. */
  setSound({ sound, floor, highest, band, duration }) {
    Object.assign(this, { sound, floor, highest, kept: band, duration });
    const times = Array.from({ length: 128 }, (_, i) => ((i + 0.5) / 128) * duration);
    const all = densities(sound, times, highest, 128);
    let peak = 0;
    for (const value of all) if (value > peak) peak = value;
    this.top = Math.min(HIGHEST_DB[1], Math.max(HIGHEST_DB[0], decibels(peak / floor)));
    this.canvas.setAttribute("aria-label", `Spectrogram, 0 to ${number(highest)} Hz, ${clock(duration)} long; the band from ${number(band[0])} to ${number(band[1])} Hz is marked.`);
    this.draw();
  }

  setRange(range) {
    this.range = range;
    this.draw();
  }

  setTime(time) {
    const [from, to] = this.range;
    const place = (time - from) / (to - from);
    this.head.hidden = !(place >= 0 && place <= 1);
    this.head.style.left = `${100 * place}%`;
  }

  legend() {
    return el("div", { class: "legend" }, el("span", {}, "over the noise left:"), el("span", { class: "mono" }, `${LOWEST_DB} dB`),
      el("i", { class: "ramp", style: { background: gradient(SCALE) } }), el("span", { class: "mono" }, `${Math.round(this.top || 0)} dB`));
  }

  draw() {
    cancelAnimationFrame(this.pending);
    this.pending = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const [whole, tall] = [this.element.clientWidth, this.element.clientHeight];
    const [width, height] = [whole - GUTTER, tall - FOOT];
    if (!this.sound || width < 20 || height < 20) return;
    const sharp = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(whole * sharp);
    this.canvas.height = Math.round(tall * sharp);
    const context = this.canvas.getContext("2d");
    context.scale(sharp, sharp);
    context.imageSmoothingEnabled = false;
    context.drawImage(this.#image(width, height), GUTTER, 0, width, height);
    this.#axes(context, width, height);
  }

  #image(width, height) {
    const [from, to] = this.range;
    const times = Array.from({ length: width }, (_, i) => from + ((i + 0.5) / width) * (to - from));
    const power = densities(this.sound, times, this.highest, height);
    const image = new ImageData(width, height);
    const table = TABLES[SCALE];
    for (let x = 0; x < width; x += 1) {
      for (let y = 0; y < height; y += 1) {
        const level = decibels(power[x * height + height - 1 - y] / this.floor);
        const at = 3 * Math.round(255 * Math.min(1, Math.max(0, (level - LOWEST_DB) / (this.top - LOWEST_DB))));
        image.data.set([table[at], table[at + 1], table[at + 2], 255], 4 * (y * width + x));
      }
    }
    const canvas = el("canvas", { width, height });
    canvas.getContext("2d").putImageData(image, 0, 0);
    return canvas;
  }

  #axes(context, width, height) {
    const [from, to] = this.range;
    context.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    context.fillStyle = colour("--soft");
    context.strokeStyle = colour("--line");
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const hz of ticks(0, this.highest, height / 34)) {
      const y = height * (1 - hz / this.highest);
      line(context, GUTTER - 4, y, GUTTER, y);
      context.fillText(number(hz, 4), GUTTER - 7, Math.min(height - 6, Math.max(7, y)));
    }
    context.textAlign = "left";
    context.fillText("Hz", 4, 8);
    context.textAlign = "center";
    for (const time of ticks(from, to, width / 90)) {
      const x = GUTTER + (width * (time - from)) / (to - from);
      line(context, x, height, x, height + 4);
      context.fillText(number(time, 6), Math.min(GUTTER + width - 12, Math.max(GUTTER + 4, x)), height + 13);
    }
    context.textAlign = "left";
    context.fillText("s", GUTTER - 12, height + 13);
    context.strokeStyle = "#ffffff";
    context.setLineDash([5, 4]);
    for (const hz of this.kept) {
      const y = Math.round(height * (1 - hz / this.highest)) + 0.5;
      if (y > 1 && y < height - 1) line(context, GUTTER, y, GUTTER + width, y);
    }
    context.setLineDash([]);
  }

  #hz(event) {
    const bounds = this.area.getBoundingClientRect();
    const share = 1 - (event.clientY - bounds.top) / bounds.height;
    return Math.min(1, Math.max(0, share)) * this.highest;
  }

  #time(event) {
    const bounds = this.area.getBoundingClientRect();
    return this.range[0] + ((event.clientX - bounds.left) / bounds.width) * (this.range[1] - this.range[0]);
  }

  #say(event) {
    this.readout.hidden = false;
    this.readout.textContent = `${clock(this.#time(event))}, ${number(this.#hz(event))} Hz`;
  }

  #drag(event) {
    if (event.button !== 0 || !this.sound) return;
    event.preventDefault();
    const begun = this.#hz(event);
    let found = [begun, begun];
    const move = (moved) => {
      const now = this.#hz(moved);
      found = [Math.min(begun, now), Math.max(begun, now)];
      const tall = this.area.clientHeight;
      this.band.hidden = false;
      this.band.style.top = `${tall * (1 - found[1] / this.highest)}px`;
      this.band.style.height = `${(tall * (found[1] - found[0])) / this.highest}px`;
      this.band.textContent = `${number(found[0])} to ${number(found[1])} Hz`;
    };
    const end = () => {
      this.axis.removeEventListener("pointermove", move);
      this.band.hidden = true;
      if (found[1] - found[0] > this.highest / 200) this.onBand(found.map((hz) => Number(hz.toPrecision(4))));
    };
    this.axis.setPointerCapture(event.pointerId);
    this.axis.addEventListener("pointermove", move);
    this.axis.addEventListener("pointerup", end, { once: true });
    this.axis.addEventListener("pointercancel", end, { once: true });
  }

  close() {
    this.observer.disconnect();
    cancelAnimationFrame(this.pending);
  }
}

const decibels = (power) => 10 * Math.log10(Math.max(power, 1e-30));

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** Round numbers between two ends, about so many. */
export function ticks(from, to, count) {
  const rough = (to - from) / Math.max(1, count);
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((part) => part * decade).find((part) => part >= rough);
  const found = [];
  for (let i = Math.ceil(from / step - 1e-9); i * step <= to * (1 + 1e-9); i += 1) found.push(i * step);
  return found;
}
