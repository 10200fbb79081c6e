// Short-time spectra, computed for the stretch that is in view.

/** In-place fast Fourier transform of `re + i·im`, whose length is a power of two. */
export function fft(re, im) {
  const n = re.length;
  for (let i = 1, j = 0; i < n; i += 1) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
  }
  for (let size = 2; size <= n; size *= 2) {
    const half = size / 2;
    const [stepRe, stepIm] = [Math.cos((-2 * Math.PI) / size), Math.sin((-2 * Math.PI) / size)];
    for (let start = 0; start < n; start += size) {
      let [wRe, wIm] = [1, 0];
      for (let k = start; k < start + half; k += 1) {
        const tRe = wRe * re[k + half] - wIm * im[k + half];
        const tIm = wRe * im[k + half] + wIm * re[k + half];
        re[k + half] = re[k] - tRe;
        im[k + half] = im[k] - tIm;
        re[k] += tRe;
        im[k] += tIm;
        [wRe, wIm] = [wRe * stepRe - wIm * stepIm, wRe * stepIm + wIm * stepRe];
      }
    }
  }
}

const POINTS = 96; // of frequency, told apart up to the highest

/** How spectra of a sound are taken: window length and transform length in samples. */
export function plan(rate, highest, length) {
  const wanted = Math.min((rate / highest) * POINTS, Math.max(32, length / 4));
  const window = 2 ** Math.max(4, Math.round(Math.log2(wanted)));
  return { window, size: 4 * window };
}

/** Power density (full scale²/Hz) over `bins` steps up to `highest`, about each of `times` (s). */
export function densities({ samples, rate }, times, highest, bins) {
  const { window, size } = plan(rate, highest, samples.length);
  const taper = Float64Array.from({ length: window }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * (i + 0.5)) / window));
  const power = taper.reduce((sum, w) => sum + w * w, 0);
  const out = new Float32Array(times.length * bins);
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  times.forEach((time, column) => {
    re.fill(0);
    im.fill(0);
    const first = Math.round(time * rate - window / 2);
    for (let i = 0; i < window; i += 1) re[i] = taper[i] * (samples[first + i] || 0);
    fft(re, im);
    for (let bin = 0; bin < bins; bin += 1) {
      const place = Math.min(((bin / (bins - 1)) * highest * size) / rate, size / 2);
      const k = Math.round(place);
      out[column * bins + bin] = (2 * (re[k] ** 2 + im[k] ** 2)) / (rate * power);
    }
  });
  return out;
}
