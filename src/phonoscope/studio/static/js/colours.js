// Colour scales that the colour-blind can read; their lightness alone tells the order.

const ANCHORS = {
  viridis: ["440154", "472d7b", "3b528b", "2c728e", "21918c", "28ae80", "5ec962", "addc30", "fde725"],
  magma: ["000004", "1d1147", "51127c", "832681", "b73779", "e75263", "fc8961", "fec488", "fcfdbf"],
};

function expand(anchors) {
  const table = new Uint8ClampedArray(256 * 3);
  const parts = anchors.map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  for (let i = 0; i < 256; i += 1) {
    const place = (i / 255) * (parts.length - 1);
    const below = Math.min(Math.floor(place), parts.length - 2);
    for (let c = 0; c < 3; c += 1) {
      table[3 * i + c] = parts[below][c] + (place - below) * (parts[below + 1][c] - parts[below][c]);
    }
  }
  return table;
}

export const TABLES = Object.fromEntries(Object.entries(ANCHORS).map(([name, anchors]) => [name, expand(anchors)]));

/** The colour at `share` (0 to 1) of a scale, as CSS. */
export function css(name, share, alpha = 1) {
  const at = 3 * Math.round(255 * Math.min(1, Math.max(0, share)));
  const [r, g, b] = TABLES[name].slice(at, at + 3);
  return `rgb(${r} ${g} ${b} / ${alpha})`;
}

/** A scale from left to right, as a CSS background. */
export function gradient(name) {
  return `linear-gradient(to right, ${ANCHORS[name].map((hex) => `#${hex}`).join(", ")})`;
}
