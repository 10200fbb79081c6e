// What went wrong, or should be known, said where it happened.
import { el, plain } from "./dom.js";

export function problem(error, title = "That did not work") {
  return el("div", { class: "notice bad", role: "alert" }, el("strong", {}, title), el("p", {}, plain(error.message)));
}

/** A list of sentences under a heading, or nothing where there are none. */
export function sentences(title, list, kind = "") {
  if (!list || !list.length) return null;
  return el("section", { class: `notice ${kind}` }, el("strong", {}, title),
    el("ul", {}, list.map((sentence) => el("li", {}, plain(sentence)))));
}
