// Light, dark, or as the system has it; remembered on this computer.

const NAMES = ["system", "light", "dark"];
const KEY = "phonoscope-theme";

function remembered() {
  try {
    return NAMES.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "system";
  } catch {
    return "system"; // storage may be forbidden
  }
}

function apply(name, button) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  button.textContent = `Theme: ${name}`;
  window.dispatchEvent(new Event("theme-change"));
}

export function setUpTheme(button) {
  apply(remembered(), button);
  button.addEventListener("click", () => {
    const next = NAMES[(NAMES.indexOf(remembered()) + 1) % NAMES.length];
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // It holds until the page is left.
    }
    apply(next, button);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => window.dispatchEvent(new Event("theme-change")));
}
