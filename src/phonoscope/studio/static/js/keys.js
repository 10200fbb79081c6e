// Keys that work anywhere on the page, and the list of them.
import { button, el } from "./dom.js";

const LIST = [
  ["Space", "play or pause"],
  ["A / B", "measured / enhanced version, at the same place"],
  ["← →", "1 second back or on; with Shift 0.1 second"],
  ["Home / End", "to the beginning or the end"],
  ["+ / −", "zoom in or out; 0 shows the whole sound"],
  ["M", "map of the cells on or off"],
  ["N", "new recording"],
  ["?", "this list"],
];

let handlers = {};

/** Let the view on show say what keys do; the names are those of `KeyboardEvent.key`. */
export function setKeys(map) {
  handlers = map;
}

export function setUpKeys(dialog, opener) {
  dialog.append(
    el("h2", { id: "keys-title" }, "Keys"),
    el("dl", { class: "keylist" }, LIST.flatMap(([key, text]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, text)])),
    el("p", { class: "soft" }, "Drag on the picture to hear only that part, and on the frequency axis of the spectrogram to hear only that band. Number fields do the same."),
    button("Close", () => dialog.close(), { class: "primary" }),
  );
  const help = () => dialog.showModal();
  opener.addEventListener("click", help);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || isTyping(event.target)) return;
    // Space and Enter press the button that has the focus.
    if ((event.key === " " || event.key === "Enter") && event.target.closest("button, a, summary")) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const general = { "?": help, n: () => { location.hash = "#/open"; } };
    const handler = handlers[name] || general[name];
    if (!handler) return;
    event.preventDefault();
    handler(event);
  });
}

function isTyping(target) {
  return target.closest?.("textarea, select, [contenteditable]") || target.closest?.("input:not([type=checkbox]):not([type=button])");
}
