"""Two methods of the literature for the sound of laser speckle, as yardsticks; not for use.

Where the papers leave a choice open, what serves the method best is taken, even if only who knows
the true sound could choose it.
"""

from collections.abc import Sequence

import numpy as np

from phonoscope.types import Float64, Luma

_REFERENCES = 8  # pixels that are tried as the one that tells the signs


def signed_sums(frames: Sequence[Luma]) -> Float64:
    """Return ``(reference, sample)`` signed sums of all pixels' intensities.

    Barcellona et al., Opt. Express 28:8716, 2020: each pixel counts with the
    sign of its correlation with a reference pixel. The pixels that vary most are tried as such;
    the best is left to who knows the truth.
    """
    pixels = np.array([frame.ravel() for frame in frames], np.float32)
    pixels -= pixels.mean(axis=0)
    spread = pixels.std(axis=0)
    middle = np.argsort(spread)[-_REFERENCES * 50 :: 50]
    signs = np.sign(pixels[:, middle].T @ pixels)
    return np.asarray(signs @ pixels.T, np.float64)


def correlated(frames: Sequence[Luma], *, phase: bool) -> Float64:
    """Return ``(sample, 2)`` sums of the shifts (x, y) from each frame to the next, px.

    Zalevsky et al., Opt. Express 17:21566, 2009, doi:10.1364/OE.17.021566: the peak of the
    correlation of neighbouring frames, here to a part of a pixel by a parabola through it and its
    neighbours. With `phase`, the correlation of phases alone (Kuglin and Hines, 1975), of those
    frequencies that hold some pattern: others would add nothing but noise.
    """
    from scipy.fft import irfft2, rfft2

    height, width = frames[0].shape
    window = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    power = np.mean([np.abs(rfft2((f - f.mean()) * window)) ** 2 for f in frames[::50]], axis=0)
    noise = np.median(power[height // 2 - 4 : height // 2 + 4, -8:])
    holds = power > 10 * noise
    before, total, sums = None, np.zeros(2), []
    for frame in frames:
        seen = rfft2((frame - frame.mean()) * window)
        if before is not None:
            cross = seen * np.conj(before)
            if phase:
                cross = np.where(holds, cross / np.maximum(np.abs(cross), 1e-6), 0)
            total = total + _peak(irfft2(cross, (height, width)))
        before = seen
        sums.append(total)
    return np.array(sums)


def _peak(correlation: Float64) -> Float64:
    row, column = np.unravel_index(int(correlation.argmax()), correlation.shape)
    result = []
    for at, line in ((column, correlation[row]), (row, correlation[:, column])):
        n = len(line)
        low, mid, high = (line[(at + k) % n] for k in (-1, 0, 1))
        bend = low - 2 * mid + high
        part = (low - high) / (2 * bend) if bend < 0 else 0.0
        result.append((at + n // 2) % n - n // 2 + part)
    return np.array(result)
