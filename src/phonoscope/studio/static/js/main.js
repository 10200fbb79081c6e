// Puts the page together: what is shown follows the address after the #.
import { api } from "./api.js";
import { button, el } from "./dom.js";
import { filesView } from "./files.js";
import { setUpJobs } from "./joblist.js";
import { JobView } from "./jobview.js";
import { setKeys, setUpKeys } from "./keys.js";
import { problem } from "./notices.js";
import { SetupView } from "./setup.js";
import * as store from "./store.js";
import { setUpTheme } from "./theme.js";

const byId = (id) => document.getElementById(id);
const main = byId("main");
const gone = byId("gone");
let config = null;
let view = null;

function show(next) {
  view?.close?.();
  view = next;
  main.replaceChildren(next.element);
  main.scrollTop = 0;
}

function say(error) {
  const note = problem(error);
  note.append(button("Dismiss", () => note.remove(), { class: "quiet" }));
  main.prepend(note);
}

function route() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const wanted = new URLSearchParams(query);
  const job = path.match(/^\/job\/(.+)$/);
  setKeys({});
  // Of two views one is closed before the other sets its keys.
  view?.close?.();
  view = null;
  if (job) show(new JobView(decodeURIComponent(job[1]), say));
  else if (path === "/setup" && wanted.get("path")) show(new SetupView(wanted.get("path")));
  else show(filesView(config, wanted.get("path")));
}

function askForToken() {
  const field = el("input", { type: "password", id: "token", autocomplete: "off", required: true });
  const enter = (event) => {
    event.preventDefault();
    location.assign(`/?${new URLSearchParams({ token: field.value.trim() })}`);
  };
  show({
    element: el("div", { class: "view" }, el("form", { class: "panel pad stack narrow", onsubmit: enter },
      el("h2", {}, "This studio asks for its token"),
      el("p", {}, "It was printed with the address where “phonoscope studio” was started. Open that whole address, or enter the token here."),
      el("label", { for: "token" }, "Token"), field, el("div", {}, el("button", { type: "submit", class: "primary" }, "Open")))),
  });
  field.focus();
}

async function begin() {
  setUpTheme(byId("theme"));
  setUpKeys(byId("keys"), byId("help"));
  try {
    config = await api.config();
  } catch (error) {
    if (error.status === 401 || error.status === 403) askForToken();
    else if (error.status === 0) setTimeout(() => location.reload(), 3000);
    else show({ element: el("div", { class: "view" }, problem(error, "The studio cannot be shown")) });
    return;
  }
  byId("version").textContent = config.version;
  setUpJobs(byId("jobs"), say);
  await store.refresh().catch(say);
  store.follow();
  window.addEventListener("hashchange", route);
  route();
}

window.addEventListener("server-gone", () => {
  gone.textContent = "The studio does not answer. Start it again with “phonoscope studio”; this page then goes on by itself.";
  gone.hidden = false;
});
window.addEventListener("server-back", () => { gone.hidden = true; });
// A file that is dropped beside the place for it must not replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());
begin();
