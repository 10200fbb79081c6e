// Small helpers: elements, and numbers as people read them.

/** Make an element. `on…` functions listen; `style` is an object; true and false set and omit. */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(made.style, value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(text, onclick, attributes = {}) {
  return el("button", { type: "button", onclick, ...attributes }, text);
}

/** A label with its field, and below it what helps to fill it in. */
export function labelled(text, field, hint = null) {
  const id = field.id || `field-${(labelled.count = (labelled.count || 0) + 1)}`;
  field.id = id;
  const parts = [el("label", { for: id }, text), field];
  if (hint) {
    const helping = typeof hint === "string" ? el("p", { class: "hint" }, hint) : hint;
    helping.id = `${id}-hint`;
    field.setAttribute("aria-describedby", helping.id);
    parts.push(helping);
  }
  return el("div", { class: "field" }, parts);
}

export function choice(options, value = "") {
  const field = el("select", {}, Object.entries(options).map(([key, text]) => el("option", { value: key }, text)));
  field.value = value;
  return field;
}

/** A number with so many significant digits, without an exponent where that can be read. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return Number(value.toPrecision(digits)).toLocaleString("en-GB", { maximumFractionDigits: 9 });
}

export function bytes(count) {
  if (count === null || count === undefined) return "";
  let unit = 0;
  while (count >= 1000 && unit < 4) { count /= 1000; unit += 1; }
  return `${count < 10 && unit ? count.toFixed(1) : Math.round(count)} ${["B", "kB", "MB", "GB", "TB"][unit]}`;
}

export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 1) return value < 0.1 ? "a moment" : "1 s";
  if (value < 90) return `${Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A position in a sound: 0:03.42. */
export function clock(value) {
  const hundredths = Math.max(0, Math.floor(value * 100 + 1e-6));
  const rest = (hundredths % 6000) / 100;
  return `${Math.floor(hundredths / 6000)}:${rest.toFixed(2).padStart(5, "0")}`;
}

/** When a file was changed or a recording made; the server gives seconds or ISO text. */
export function when(value) {
  if (value === null || value === undefined || value === "") return "";
  const date = new Date(typeof value === "number" ? value * 1000 : value);
  return Number.isNaN(date.getTime())
    ? ""
    : date.toLocaleString("en-GB", {
      day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
      year: date.getFullYear() === new Date().getFullYear() ? undefined : "numeric",
    });
}

/** Sentences are written for the command line too; its options mean nothing here. */
export function plain(sentence) {
  return sentence.replace(/ \((?:[^()]*\s)?--[^()]*\)/g, "");
}

/** Tell those who listen to the page rather than look at it. */
export function announce(text) {
  const live = document.getElementById("live");
  if (live.textContent !== text) live.textContent = text;
}

/** The colour that a custom property has now, as canvases need it. */
export function colour(name) {
  const probe = el("span", { style: { color: `var(${name})`, display: "none" } });
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
