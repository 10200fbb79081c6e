// The samples of a WAV file, exactly as they are in it.

/** Return `{ rate, samples }` of the first channel: PCM of 16, 24 or 32 bit, or 32-bit float. */
export function readWav(buffer) {
  const view = new DataView(buffer);
  const name = (at) => String.fromCharCode(...new Uint8Array(buffer, at, 4));
  if (buffer.byteLength < 12 || name(0) !== "RIFF" || name(8) !== "WAVE") throw new Error("this is no WAV file.");
  let format = null;
  for (let at = 12; at + 8 <= buffer.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    if (name(at) === "fmt ") {
      const tag = view.getUint16(at + 8, true);
      format = {
        float: (tag === 0xfffe ? view.getUint16(at + 32, true) : tag) === 3,
        channels: view.getUint16(at + 10, true),
        rate: view.getUint32(at + 12, true),
        bits: view.getUint16(at + 22, true),
      };
    } else if (name(at) === "data" && format) {
      const length = Math.min(size, buffer.byteLength - at - 8);
      return { rate: format.rate, samples: decode(view, at + 8, length, format) };
    }
    at += 8 + size + (size % 2);
  }
  throw new Error("this WAV file holds no samples.");
}

function decode(view, start, length, { float, channels, bits }) {
  const width = bits / 8;
  const samples = new Float32Array(Math.floor(length / (width * channels)));
  const read = {
    16: (at) => view.getInt16(at, true) / 2 ** 15,
    24: (at) => ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) / 2 ** 23,
    32: float ? (at) => view.getFloat32(at, true) : (at) => view.getInt32(at, true) / 2 ** 31,
  }[bits];
  if (!read) throw new Error(`WAV files of ${bits} bit are not read.`);
  for (let i = 0; i < samples.length; i += 1) samples[i] = read(start + i * width * channels);
  return samples;
}

/** Highest and lowest value in each of `count` equal parts: what a waveform is drawn from. */
export function envelope(samples, count) {
  const parts = Math.max(1, Math.min(count, samples.length));
  const high = new Float32Array(parts);
  const low = new Float32Array(parts);
  for (let i = 0; i < parts; i += 1) {
    const end = Math.floor(((i + 1) * samples.length) / parts);
    let [top, bottom] = [0, 0];
    for (let n = Math.floor((i * samples.length) / parts); n < end; n += 1) {
      if (samples[n] > top) top = samples[n];
      else if (samples[n] < bottom) bottom = samples[n];
    }
    high[i] = top;
    low[i] = bottom;
  }
  return [high, low];
}

/** Every n-th sample, for a sound known to hold nothing above `highest` Hz. */
export function thin({ rate, samples }, highest) {
  const step = Math.max(1, Math.floor(rate / (2.5 * highest)));
  const kept = new Float32Array(Math.ceil(samples.length / step));
  for (let i = 0; i < kept.length; i += 1) kept[i] = samples[i * step];
  return { rate: rate / step, samples: kept };
}
