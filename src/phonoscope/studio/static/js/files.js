// Choosing a video: from the folders that the studio may read, or by sending a file to it.
import { api, upload } from "./api.js";
import { announce, button, bytes, el, seconds, when } from "./dom.js";
import { problem } from "./notices.js";

export const setupHash = (path) => `#/setup?${new URLSearchParams({ path })}`;
const openHash = (path) => (path ? `#/open?${new URLSearchParams({ path })}` : "#/open");

/** The page on which a video is chosen; returns `{ element, close }`. */
export function filesView(config, path) {
  const listing = el("div", { class: "panel files" }, el("p", { class: "wait" }, "Reading the folder…"));
  const sending = new Sending(config);
  const element = el("div", { class: "view open" },
    el("h2", {}, "Open a video"),
    el("div", { class: "columns" },
      listing,
      el("div", { class: "stack" }, sending.element, hints())));
  list(listing, path);
  return { element, close: () => sending.close() };
}

function hints() {
  return el("section", { class: "panel pad" }, el("h3", {}, "What can be heard"),
    el("ul", { class: "plainlist" },
      el("li", {}, "High-speed video: up to half of its frames per second. Speech needs 2,000 frames/s or more."),
      el("li", {}, "Ordinary video with a rolling shutter: up to about 2 kHz, if it was exposed briefly and the line delay is known."),
      el("li", {}, "Light, textured things near the sound: a bag of chips, foil, leaves, paper."),
      el("li", {}, "Where there is no sound in the picture, the studio says so. It never makes one up.")));
}

async function list(listing, path) {
  let found;
  try {
    found = await api.files(path);
  } catch (error) {
    listing.replaceChildren(problem(error, "This folder cannot be shown"), el("p", { class: "pad" }, el("a", { href: "#/open" }, "All folders")));
    return;
  }
  const entries = found.entries || [];
  const up = found.parent ? openHash(found.parent) : path ? "#/open" : null;
  const rows = entries.map((entry) => row({ ...entry, root: !path }));
  if (up) rows.unshift(row({ kind: "up", name: "..", href: up }));
  const table = el("table", {},
    el("thead", {}, el("tr", {}, ["Name", "Size", "Changed"].map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", { onkeydown: walk }, rows));
  const empty = entries.length ? null : el("p", { class: "soft pad" }, "No videos and no folders here.");
  listing.replaceChildren(el("p", { class: "path", title: found.path || "" }, found.path || "Folders that the studio may read"), el("div", { class: "scroll" }, table, empty));
  announce(`${entries.length} entries`);
}

function row(entry) {
  const href = entry.href || (entry.kind === "folder" ? openHash(entry.path) : setupHash(entry.path));
  const icon = { folder: "▸", up: "↑", video: "▦" }[entry.kind] || "";
  return el("tr", { class: entry.kind, onclick: (event) => { if (!event.target.closest("a")) location.hash = href; } },
    el("td", {}, el("a", { href }, el("span", { class: "icon", "aria-hidden": "true" }, icon), entry.kind === "up" ? "Up one folder" : entry.name,
      entry.root ? el("span", { class: "soft" }, `  ${entry.path}`) : null)),
    el("td", { class: "mono" }, entry.kind === "video" ? bytes(entry.bytes) : ""),
    el("td", { class: "soft" }, when(entry.modified)));
}

/** Arrow keys go from name to name. */
function walk(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const links = [...event.currentTarget.querySelectorAll("a")];
  links[links.indexOf(document.activeElement) + step]?.focus();
  event.preventDefault();
}

/** A place to drop a file, or choose one, and how far it is sent. */
class Sending {
  constructor(config) {
    this.limit = config.upload_limit_bytes;
    this.running = null;
    this.input = el("input", { type: "file", class: "unseen", tabindex: "-1", "aria-label": "Video file", onchange: () => this.send(this.input.files[0]) });
    this.choose = button("Choose a file…", () => this.input.click());
    this.state = el("div", { class: "stack" });
    this.element = el("section", { class: "panel pad drop" },
      el("h3", {}, "Or drop a file here"),
      el("p", { class: "soft" }, `It is copied into the studio's own folder on this computer${this.limit ? `, up to ${bytes(this.limit)}` : ""}. Large files are better opened in place, from the list.`),
      this.choose, this.input, this.state);
    for (const name of ["dragenter", "dragover"]) this.element.addEventListener(name, (event) => this.#over(event, true));
    for (const name of ["dragleave", "drop"]) this.element.addEventListener(name, (event) => this.#over(event, false));
    this.element.addEventListener("drop", (event) => this.send(event.dataTransfer.files[0]));
  }

  #over(event, on) {
    event.preventDefault();
    this.element.classList.toggle("over", on);
  }

  async send(file) {
    if (!file || this.running) return;
    if (this.limit && file.size > this.limit) {
      this.state.replaceChildren(problem(new Error(`${file.name} has ${bytes(file.size)}, and ${bytes(this.limit)} may be sent; open it in place from the list.`), "The file is too large to send"));
      return;
    }
    const bar = el("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` });
    const text = el("span", { class: "soft" });
    const begun = performance.now();
    this.running = upload(file, (sent, total) => {
      bar.value = sent / total;
      const left = ((performance.now() - begun) / 1000) * (total / sent - 1);
      text.textContent = `${bytes(sent)} of ${bytes(total)}, ${seconds(left)} left`;
    });
    this.choose.disabled = true;
    this.state.replaceChildren(el("p", {}, file.name), bar, el("div", { class: "row" }, text, button("Cancel", () => this.running?.abort())));
    try {
      location.hash = setupHash((await this.running.done).path);
    } catch (error) {
      this.state.replaceChildren(error.name === "AbortError" ? el("p", { class: "soft" }, "Cancelled.") : problem(error, "The file was not sent"));
    }
    this.running = null;
    this.choose.disabled = false;
    this.input.value = "";
  }

  close() {
    this.running?.abort();
  }
}
