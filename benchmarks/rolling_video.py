"""The parts of `rolling.py` that render video: speech through codecs, and silence."""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

import phonoscope as ph
from listening_truth import RATE_HZ, TEXTURES, filmed, verdict_of, voice
from phonoscope.evaluate import Scores, evaluate, limit_band
from phonoscope.scene import Camera, Motion, Scene, Sway, Texture, silence, write_video
from phonoscope.sound.rows import Layout, learned_gains, rows_of
from phonoscope.sound.steady import steady
from phonoscope.types import Float64, MotionField
from rolling_yardsticks import BAND_HZ, BINS, FPS, PERIODS, Clip, Course, local_spectra, posterior

WIDTH, ROWS = 1280, 720
LINE_DELAY_S = 1 / (FPS * PERIODS[ROWS])
STORED_MBIT = (None, 50, 20)  # H.264; None: lossless
FLICKER_HZ = (100.0, 120.0)
FLICKER_DEPTH = 0.04
_SPEECH_S, _SILENT_S = 3.0, 2.0
_RESOLUTION_HZ = 3.0


@contextmanager
def stored(frames: NDArray[np.uint8], mbit: int | None) -> Iterator[Path]:
    """Yield a file that holds the frames, lossless or as H.264.

    Of `mbit` Mbit/s if the frames were of 1280 x 720 px; smaller ones get their share.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mkv"
        if mbit is None:
            write_video(iter(frames), path, FPS)
        else:
            _encode(frames, path, round(mbit * 1_000_000 * frames[0].size / (WIDTH * ROWS)))
        yield path


def _encode(frames: NDArray[np.uint8], path: Path, bit_rate: int) -> None:
    # As cameras do: at most so many bits in any second.
    most = {"maxrate": str(bit_rate), "bufsize": str(bit_rate), "preset": "veryfast"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options=most)
        stream.bit_rate = bit_rate
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        grey = np.full((ROWS // 2, frames[0].shape[1]), 128, np.uint8)
        for number, luma in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.vstack([luma, grey]), "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def heard(path: Path) -> ph.Sound:
    """Return what is recovered from a file, told how the shutter is read."""
    return ph.recover(path, shutter="rolling", line_delay=LINE_DELAY_S, band=BAND_HZ)


# --- 4. rendered speech -------------------------------------------------------------------------


def rendered(seeds: range) -> None:
    """Speech that shakes a rendered surface, filmed by a rolling shutter, through codecs."""
    print(f"\n4. Rendered: speech, {WIDTH} x {ROWS} px, {FPS} frames/s, exposure 1/2000 s; median")
    print(f"   [worst] of {len(seeds)} readers. The ceiling is what a band of {BAND_HZ[0]:g} to "
          f"{BAND_HZ[1]:g} Hz holds of the voice")  # fmt: skip
    print("   surface  rms px  stored     | detected | SI-SDR dB        STOI             ESTOI"
          "            | ceiling: STOI  ESTOI")  # fmt: skip
    for modes, rms in itertools.product((0, 3), (0.01, 0.03, 0.15)):
        scenes = [_spoken_to(seed, modes, rms) for seed in seeds]
        rolls = [filmed(scene) for scene in scenes]
        for mbit in STORED_MBIT:
            sounds = []
            for frames in rolls:
                with stored(frames, mbit) as path:
                    sounds.append(heard(path))
            scores = [_scores(*one) for one in zip(scenes, sounds, strict=True)]
            detected = sum(verdict_of(sound).detected for sound in sounds)
            surface = f"{modes} modes" if modes else "rigid"
            label = f"{mbit} Mbit/s" if mbit else "lossless"
            print(
                f"   {surface:7} {rms:6.3f}  {label:10} | {detected:3} of {len(sounds)} |"
                f" {_spread([s.in_band['si_sdr_db'] for s in scores])}"
                f" {_spread([s.estimate['stoi'] for s in scores])}"
                f" {_spread([s.estimate['estoi'] for s in scores])}"
                f" | {np.median([s.ceiling['stoi'] for s in scores]):13.3f}"
                f"  {np.median([s.ceiling['estoi'] for s in scores]):5.3f}",
                flush=True,
            )


def _spoken_to(seed: int, modes: int, rms_px: float, width: int = WIDTH) -> Scene:
    return Scene(
        Camera(width, ROWS, Fraction(FPS), 1 / 2000, line_delay_s=LINE_DELAY_S),
        Texture(TEXTURES[seed % len(TEXTURES)], seed=seed),
        Motion(rms_px, modes=modes, highest_hz=1800, damping=0.1, seed=seed),
        voice(seed, _SPEECH_S + 0.5),
        RATE_HZ,
        round(_SPEECH_S * FPS),
        seed=seed,
    )


def _scores(scene: Scene, sound: ph.Sound) -> Scores:
    played = scene.truth.sound[: round(_SPEECH_S * RATE_HZ)]
    return evaluate(played, RATE_HZ, sound.samples, sound.rate_hz, band_hz=BAND_HZ)


def _spread(values: list[float]) -> str:
    return f"{np.median(values):7.3f} [{min(values):6.3f}]"


# --- 4c. what a codec leaves to be had -----------------------------------------------------------

_LOUD_PX, _NARROW = 0.15, 480
_BLOCK_CLOCKS = 8  # 16 rows
_SWAY_HZ = 20.0
_ORACLE_S = 0.07
_UNKNOWN = 1e2  # px²


def coded(seeds: range) -> None:
    """STOI of each reader through codecs: ours, and of who knows the spectrum and the errors."""
    print(
        f"\n4c. Bound of 4: rendered, {_NARROW} px wide, {_LOUD_PX} px, stored; STOI of ours, and"
    )
    print("   told: the posterior that knows the local spectrum and each row's error")
    print("   reader  stored        ours   told")
    for seed in seeds:
        scene = _spoken_to(seed, 0, _LOUD_PX, _NARROW)
        frames = filmed(scene)
        for mbit in STORED_MBIT:
            with stored(frames, mbit) as path:
                field = ph.measure(path, shutter="rolling", line_delay=LINE_DELAY_S)
                ours = _scores(scene, ph.listen(field, band=BAND_HZ)).estimate["stoi"]
                best = told(scene, field)
            label = f"{mbit} Mbit/s" if mbit else "lossless"
            print(f"   {seed:6}  {label:10}   {ours:.3f}  {best:.3f}", flush=True)


def told(scene: Scene, field: MotionField) -> float:
    """Return the STOI of the posterior that knows the local spectrum and each row's error."""
    still = steady(field, _SWAY_HZ)
    layout = Layout.of(still.cells, BAND_HZ[1])
    rows = list(rows_of(still, layout, learned_gains(still, layout)))
    count = len(layout.delay_s)
    values, times = (
        np.concatenate(parts).reshape(-1, count)
        for parts in zip(*((some.values, some.times_s) for some in rows), strict=True)
    )
    known = np.isfinite(rows[0].variance[:count])
    played = Course(scene.truth.sound, scene.camera.exposure_s)
    truth = played(times)
    truth, values = truth - truth.mean(axis=0), values - values.mean(axis=0)
    values *= np.sum((truth * truth)[:, known]) / np.sum((truth * values)[:, known])
    # Errors change from block to block and with the sound: as large as around each row.
    near = np.ones(_BLOCK_CLOCKS) / _BLOCK_CLOCKS
    error = np.where(known, (values - truth) ** 2, 0)
    error = np.array([np.convolve(one, near, "same") for one in error])
    period = PERIODS[count]
    lines, variance = np.full((2, len(values), period), np.nan)
    lines[:, :count] = np.where(known, values, 0)
    variance[:, :count] = np.where(known, error + np.min(error[:, known].mean(axis=0)), _UNKNOWN)
    variance = variance.reshape(-1, period // BINS)
    averaged = played(np.arange(round(_SPEECH_S * RATE_HZ)) / RATE_HZ)
    clip = Clip(period, times.ravel(), values.ravel(), lines.ravel(), averaged, averaged)
    power = local_spectra(limit_band(averaged, RATE_HZ, (_SWAY_HZ, BAND_HZ[1])), _ORACLE_S,
                          smoothed=True)  # fmt: skip
    heard = posterior(clip, power, variance=variance.mean(axis=1) / variance.shape[1])
    spoken = scene.truth.sound[: round(_SPEECH_S * RATE_HZ)]
    return evaluate(spoken, RATE_HZ, heard, FPS * BINS, band_hz=BAND_HZ).estimate["stoi"]


# --- 5. silence ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class SilentCase:
    """A silent scene before an unsteady camera and lamp, and the bit rate of its file."""

    scene: Scene
    mbit: int | None


def silent(clips: int, first: int = 0) -> None:
    """False alarms, and what the frame rate leaves in a sound that is written by force.

    `first` is the first seed; each makes 30 clips.
    """
    print(f"\n5. Silence: 320 x {ROWS} px, {FPS} frames/s, {_SILENT_S:g} s; lamps that flicker by")
    print(
        f"   {FLICKER_DEPTH:.0%} at 100 or 120 Hz, sway of 1 to 2.5 px. Comb: power at multiples of"
    )
    print(
        "   the frame rate over that beside them, dB: all together, the strongest; median [worst]."
    )
    print("   Between: the same half a frame rate higher, where no comb can be: chance")
    print("   stored     | clips  false alarms | all              strongest        | between: all"
          "     strongest")  # fmt: skip
    alarms: dict[int | None, list[bool]] = {}
    combs: dict[int | None, list[tuple[float, ...]]] = {}
    for case in itertools.islice(silent_cases(first), clips):
        with stored(filmed(case.scene), case.mbit) as path:
            sound = heard(path)
        alarms.setdefault(case.mbit, []).append(verdict_of(sound).detected)
        heard_of = sound.samples, float(sound.rate_hz)
        both = (*comb_db(*heard_of), *comb_db(*heard_of, beside_hz=FPS / 2))
        combs.setdefault(case.mbit, []).append(both)
    for mbit, found in alarms.items():
        columns = [f"{np.median(c):6.2f} [{c.max():6.2f}]" for c in np.array(combs[mbit]).T]
        label = f"{mbit} Mbit/s" if mbit else "lossless"
        print(
            f"   {label:10} | {len(found):5}  {sum(found):12} | {'  '.join(columns[:2])} |"
            f" {'  '.join(columns[2:])}"
        )
    total = sum(sum(found) for found in alarms.values())
    print(f"   all: {total} false alarms in {clips} clips (target <= 1 %)", flush=True)


def silent_cases(first: int) -> Iterator[SilentCase]:
    """Yield cases without end, of all textures, lamps and bit rates by turns."""
    for seed in itertools.count(first):
        cases = itertools.product(TEXTURES, FLICKER_HZ, STORED_MBIT)
        for number, (texture, flicker, mbit) in enumerate(cases):
            rng = np.random.default_rng([seed, number, 7])
            camera = Camera(
                320, ROWS, Fraction(FPS), 1 / 2000, line_delay_s=LINE_DELAY_S,
                flicker_depth=FLICKER_DEPTH, flicker_hz=flicker,
            )  # fmt: skip
            scene = Scene(
                camera,
                Texture(texture, seed=seed),
                Motion(0.0),
                silence(_SILENT_S, RATE_HZ),
                RATE_HZ,
                round(_SILENT_S * FPS),
                Sway(rng.uniform(1.0, 2.5), rng.uniform(0.5, 1.5)),
                seed=100 * seed + number,
            )
            yield SilentCase(scene, mbit)


def comb_db(samples: Float64, rate_hz: float, beside_hz: float = 0.0) -> tuple[float, float]:
    """Return the power at multiples of the frame rate over that beside them, dB.

    Of all multiples in the band together, and the largest of one; or of lines as far beside them.
    An output of zeros has none.
    """
    from scipy.signal import welch  # slow to import

    if not samples.any():
        return 0.0, 0.0
    size = min(len(samples), round(2 * rate_hz / _RESOLUTION_HZ))
    hz, power = welch(samples, rate_hz, nperseg=size, nfft=8 * size)
    lines, floors = [], []
    for line in np.arange(2 * FPS, BAND_HZ[1] - FPS, FPS) + beside_hz:
        away = np.abs(hz - line)
        lines.append(power[away <= _RESOLUTION_HZ].mean())
        floors.append(power[(away > 3 * _RESOLUTION_HZ) & (away < FPS / 2)].mean())
    ratio = np.array(lines) / np.array(floors)
    return (
        float(10 * np.log10(np.sum(lines) / np.sum(floors))), float(10 * np.log10(ratio.max())),
    )  # fmt: skip
