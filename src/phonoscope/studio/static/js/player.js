// Listening: two versions at one playhead, the waveform, and the spectrogram below it.
import WaveSurfer from "../vendor/wavesurfer/wavesurfer.esm.js";
import { button, choice, clock, colour, el } from "./dom.js";
import { GUTTER, Spectrogram } from "./spectrogram.js";
import { envelope, readWav, thin } from "./wav.js";

const HEIGHT = 96; // px; the policy of the page allows wavesurfer's style of this height only
const POINTS = 200_000; // of the waveform
const CLOSEST_S = 0.02; // the shortest stretch that can be seen
const NAMES = { measured: "Measured", enhanced: "Enhanced", equalized: "Equalised" };

export class Player {
  /** `onTime(seconds)` as the playhead moves; `onBand([low, high])` when one was drawn. */
  constructor({ onTime, onBand }) {
    this.audios = el("div", { hidden: true });
    this.waveBox = el("div", { class: "wave" });
    this.gapMarks = el("canvas", { class: "gaps", "aria-hidden": "true" });
    this.spectrogram = new Spectrogram({ onBand, onSeek: (time) => this.seek(time) });
    this.versions = el("div", { class: "switch", role: "group", "aria-label": "Version" });
    this.playButton = button("▶", () => this.toggle(), { class: "play primary", "aria-label": "Play", "aria-keyshortcuts": "Space" });
    this.time = el("output", { class: "mono time" });
    this.scale = el("div");
    this.gapNote = el("span", { class: "soft gapnote" });
    this.loop = el("input", { type: "checkbox", onchange: () => this.#applySpeed() });
    this.speed = choice({ 0.5: "½ ×", 1: "1 ×", 2: "2 ×", 4: "4 ×", 8: "8 ×" }, "1");
    this.speed.setAttribute("aria-label", "Speed; faster is higher");
    this.speed.title = "Faster is higher: low sounds become audible";
    this.speed.addEventListener("change", () => this.#applySpeed());
    this.element = el("div", { class: "player" }, this.#bar(),
      el("div", { class: "waverow", style: { paddingLeft: `${GUTTER}px` } }, this.waveBox, this.gapMarks),
      this.spectrogram.element,
      el("div", { class: "row below" }, this.scale, this.gapNote), this.audios);
    // Events of media do not bubble, but can be caught on their way in.
    this.audios.addEventListener("seeked", () => this.#sought(), true);
    this.wanted = null;
    this.onTime = onTime;
    this.sounds = {};
    this.redrawn = () => this.#recolour();
    window.addEventListener("theme-change", this.redrawn);
  }

  #bar() {
    const zooms = [["−", 0.5, "Zoom out"], ["All", 0, "Show the whole sound"], ["+", 2, "Zoom in"]];
    const bar = el("div", { class: "row transport" }, this.playButton, this.time, this.versions,
      el("label", { class: "check" }, this.loop, "Loop"), this.speed, el("span", { class: "grow" }),
      el("div", { class: "switch", role: "group", "aria-label": "Zoom" },
        zooms.map(([text, factor, name]) => button(text, () => this.zoom(factor), { "aria-label": name, title: name }))));
    // A click leaves the focus where it was, so that Space goes on meaning play.
    bar.addEventListener("mousedown", (event) => { if (event.target.closest("button")) event.preventDefault(); });
    return bar;
  }

  /** Resolves when the sound is ready; the first one is given at once, lest it is fetched again. */
  #create(sound) {
    this.surfer = WaveSurfer.create({
      container: this.waveBox, media: this.audio, height: HEIGHT, dragToSeek: true, autoCenter: false,
      normalize: true, cursorWidth: 2, peaks: sound.peaks, duration: sound.duration, ...this.#colours(),
    });
    this.surfer.on("timeupdate", (time) => this.#moved(time));
    this.surfer.on("seeking", (time) => this.#moved(time));
    this.surfer.on("play", () => this.#showPlaying(true));
    this.surfer.on("pause", () => this.#showPlaying(false));
    this.surfer.on("finish", () => this.#showPlaying(false));
    for (const name of ["scroll", "zoom", "redrawcomplete", "resize"]) this.surfer.on(name, () => this.#ranged());
    return new Promise((resolve, reject) => {
      this.surfer.once("ready", resolve);
      this.surfer.once("error", reject);
    });
  }

  #colours() {
    return { waveColor: colour("--wave"), progressColor: colour("--wave-done"), cursorColor: colour("--head") };
  }

  #recolour() {
    this.surfer?.setOptions(this.#colours());
    this.spectrogram.draw();
    this.#drawGaps();
  }

  /** Fetch and show a listening; the playhead and the version stay where they can. */
  async load(listening, highest) {
    const sounds = {};
    for (const name of listening.versions) sounds[name] = await fetchSound(listening.sounds[name], highest);
    if (this.closed) return;
    const before = this.sounds;
    Object.assign(this, { listening, sounds, highest });
    const version = sounds[this.version] ? this.version : "measured";
    this.audios.append(...Object.values(sounds).map((sound) => sound.audio));
    this.versions.replaceChildren(...listening.versions.map((name, i) =>
      button(`${"AB"[i] || i + 1}  ${NAMES[name] || name}`, () => this.use(name), { "data-version": name, title: `Key ${"AB"[i]}` })));
    this.gapNote.textContent = noteOn(listening);
    this.waveBox.classList.toggle("unheard", !listening.detected);
    await this.use(version, true);
    forget(before);
  }

  /** Go on with another version at the same place. */
  async use(version, fresh = false) {
    const sound = this.sounds[version];
    if (!sound || (version === this.version && !fresh)) return;
    const before = this.audio;
    const playing = before && !before.paused && !before.ended;
    this.version = version;
    this.audio = sound.audio;
    this.#applySpeed();
    this.wanted = null;
    this.audio.currentTime = Math.min(before?.currentTime || 0, sound.duration);
    if (playing) await this.audio.play();
    before?.pause();
    this.#markPlaying();
    for (const each of this.versions.children) each.setAttribute("aria-pressed", String(each.dataset.version === version));
    try {
      if (this.surfer) {
        this.surfer.setMediaElement(this.audio);
        await this.surfer.load(sound.url, sound.peaks, sound.duration);
      } else await this.#create(sound);
    } catch (error) {
      if (error.name === "AbortError") return; // another version was chosen meanwhile
      throw error;
    }
    this.#showSpectrogram(sound);
    this.#showPlaying(!this.audio.paused);
    this.#moved(this.audio.currentTime);
    this.#ranged();
  }

  #showSpectrogram(sound) {
    const { band_hz: band, noise_floor_px: noise, motion_rms_px: motion } = this.listening;
    const share = noise > 0 ? noise ** 2 / (noise ** 2 + (motion || 0) ** 2) : 1e-3;
    const floor = Math.max((sound.power * share) / (band[1] - band[0]), 1e-20);
    this.spectrogram.setSound({ sound: sound.thinned, floor, highest: this.highest, band, duration: sound.duration });
    this.scale.replaceChildren(this.spectrogram.legend());
  }

  toggle() {
    this.surfer?.playPause().catch(() => {});
  }

  seek(time) {
    if (!this.surfer) return;
    this.wanted = Math.min(Math.max(0, time), this.duration);
    this.surfer.setTime(this.wanted);
  }

  /** A browser may forget a seek that is asked for before the one before it has begun. */
  #sought() {
    const [wanted, audio] = [this.wanted, this.audio];
    this.wanted = null;
    if (wanted !== null && audio.paused && Math.abs(audio.currentTime - wanted) > 1e-3) audio.currentTime = wanted;
  }

  skip(step) {
    this.seek((this.surfer?.getCurrentTime() || 0) + step);
  }

  get duration() {
    return this.sounds[this.version]?.duration || 0;
  }

  /** Zoom about the playhead by a factor; 0 shows all. */
  zoom(factor) {
    if (!this.duration) return;
    const width = this.waveBox.clientWidth;
    const shown = this.range()[1] - this.range()[0];
    const wanted = factor ? Math.min(this.duration, Math.max(CLOSEST_S, shown / factor)) : this.duration;
    this.surfer.zoom(wanted >= this.duration * 0.999 ? 0 : width / wanted);
    this.surfer.setScrollTime(Math.max(0, this.surfer.getCurrentTime() - wanted / 2));
    this.#ranged();
  }

  /** From when to when the sound is in view, s. */
  range() {
    const whole = this.surfer?.getWrapper().scrollWidth || 0;
    if (!whole) return [0, this.duration || 1];
    const from = this.surfer.getScroll() / whole;
    return [from * this.duration, Math.min(1, from + this.surfer.getWidth() / whole) * this.duration];
  }

  #ranged() {
    if (!this.duration || this.closed) return;
    const range = this.range();
    this.spectrogram.setRange(range);
    this.spectrogram.setTime(this.surfer.getCurrentTime());
    this.#drawGaps();
  }

  #moved(time) {
    this.time.textContent = `${clock(time)} / ${clock(this.duration)}`;
    this.spectrogram.setTime(time);
    this.onTime(time);
  }

  #showPlaying(playing) {
    this.playButton.textContent = playing ? "❚❚" : "▶";
    this.playButton.setAttribute("aria-label", playing ? "Pause" : "Play");
  }

  #applySpeed() {
    if (!this.audio) return;
    this.audio.loop = this.loop.checked;
    this.audio.preservesPitch = false;
    this.audio.playbackRate = Number(this.speed.value);
  }

  #drawGaps() {
    const [width, height] = [this.waveBox.clientWidth, HEIGHT];
    const gaps = this.listening?.waveform_gaps || [];
    Object.assign(this.gapMarks, { width, height });
    Object.assign(this.gapMarks.style, { width: `${width}px`, height: `${height}px`, left: `${GUTTER}px` });
    const [from, to] = this.range();
    const context = this.gapMarks.getContext("2d");
    context.fillStyle = colour("--gap");
    for (const [start, end] of gaps) {
      if (end < from || start > to) continue;
      context.fillRect(((start - from) / (to - from)) * width, 0, ((end - start) / (to - from)) * width, height);
    }
  }

  #markPlaying() {
    for (const audio of this.audios.children) audio.classList.toggle("current", audio === this.audio);
  }

  close() {
    this.closed = true;
    window.removeEventListener("theme-change", this.redrawn);
    this.audio?.pause();
    this.surfer?.destroy();
    this.spectrogram.close();
    forget(this.sounds);
  }
}

function noteOn(listening) {
  if (!listening.detected) return "What plays here is the noise that is left, made loud.";
  return listening.waveform_gaps?.length ? "Grey stretches: between read-outs of the rows, interpolated." : "";
}

/** Let go of sounds that are no longer shown. */
function forget(sounds) {
  for (const { audio, url } of Object.values(sounds)) {
    audio.remove();
    audio.removeAttribute("src");
    URL.revokeObjectURL(url);
  }
}

async function fetchSound(url, highest) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error("The sound is no longer there; restart the recording.");
  const data = await answer.arrayBuffer();
  const wav = readWav(data);
  let power = 0;
  for (const sample of wav.samples) power += sample * sample;
  const kept = URL.createObjectURL(new Blob([data], { type: "audio/wav" }));
  return {
    url: kept,
    audio: el("audio", { preload: "auto", src: kept }),
    duration: wav.samples.length / wav.rate,
    peaks: envelope(wav.samples, POINTS),
    thinned: thin(wav, highest),
    power: power / wav.samples.length,
  };
}
