"""Sound from silent video, shown: what `make demo` runs.

Without a video, one is rendered whose sound is known (a chip bag that hears "Mary Had a Little
Lamb"), the sound is recovered from it, and both are compared. With a video of your own, its sound
is recovered, and a page written to look at and listen to.

    python examples/demo.py [--video clip.mp4] [--fps 2200] [--out demo]

VIDEO and FPS in the environment stand in for the options.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import phonoscope as ph
from phonoscope.evaluate import METRICS, Scores, evaluate
from phonoscope.scene import Scene, Speckle, preset, write_video

LABELS = {
    "si_sdr_db": "SI-SDR, dB",
    "segmental_snr_db": "segmental SNR, dB",
    "coherence": "coherence",
    "llr": "LLR (0 is best)",
    "stoi": "STOI",
    "estoi": "ESTOI",
}


def main() -> int:
    """Run the demo; exit code 0 when done, 1 with a sentence when something is wrong."""
    options = _options()
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        if options.video:
            show_own(Path(options.video), options.fps or None, options.out)
        else:
            show_simulated(options.out, options.seed, options.duration)
    except (ph.PhonoscopeError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def show_simulated(out: Path, seed: int = 0, duration: float | None = None) -> Scores:
    """Render, recover, compare; leave everything in `out`."""
    scene = preset("chips", seed=seed, duration=duration)
    truth, fps = scene.truth, scene.camera.fps
    video = out / "chips.mkv"
    _say(f"1/4  rendering {scene.samples:,} frames of a chip bag that hears a tune -> {video}")
    # FFV1 keeps every pixel as the camera gave it; a lossy codec would mute what moves this little.
    write_video(_counted(scene), video, fps, codec="ffv1")
    ph.write_audio(out / "truth.wav", truth.sound, truth.sound_rate_hz, file_rate="native")
    _write_json(out / "truth.json", truth.record)

    _say(f"2/4  recovering the sound from the video alone -> {out / 'recovered.wav'}")
    started = time.perf_counter()
    sound = ph.recover(video, fps=fps)
    took = time.perf_counter() - started
    sound.write(out / "recovered.wav")
    _write_json(out / "recovered.json", sound.record)

    _say("3/4  comparing it with the truth")
    scores = evaluate(
        truth.sound, truth.sound_rate_hz, sound.samples, sound.rate_hz, band_hz=sound.band_hz
    )
    _say(f"4/4  drawing both -> {out / 'spectrograms.png'}")
    from pictures import beside

    beside(out / "spectrograms.png", truth.sound, truth.sound_rate_hz, sound)

    print()
    _print_heard(sound, took)
    _print_scores(scores)
    print(f"\nListen: {out / 'truth.wav'} and {out / 'recovered.wav'}")
    print(f"Look:   {out / 'spectrograms.png'}; the video is {video}")
    return scores


def show_own(video: Path, fps: str | None, out: Path) -> ph.Sound:
    """Recover the sound of a video, and write a page to look at and listen to."""
    wav, motion = out / f"{video.stem}.wav", out / f"{video.stem}.motion"
    _say(f"1/2  recovering the sound of {video} -> {wav}")
    started = time.perf_counter()
    field = ph.measure(video, fps=fps, output=motion)
    sound = ph.recover(field)
    took = time.perf_counter() - started
    sound.write(wav)
    folder = out / f"{video.stem}.report"
    _say(f"2/2  drawing it -> {folder}")
    page = ph.write_report(folder, field, sound, shapes=ph.deflection_shapes(field, sound))
    print()
    _print_heard(sound, took)
    print(f"\nListen: {wav}\nLook:   {page} (open it in a browser)")
    print(f"Listen again, otherwise: phonoscope recover {motion} --band 80,1000 -o other.wav")
    return sound


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Sound from silent video, shown.")
    parser.add_argument("--video", default=os.environ.get("VIDEO"), help="a video of your own")
    parser.add_argument("--fps", default=os.environ.get("FPS"), help="its true capture rate")
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for what is made")
    parser.add_argument("--seed", type=int, default=0, help="of the rendered scene")
    parser.add_argument("--duration", type=float, help="of the rendered scene, s")
    return parser.parse_args()


def _counted(scene: Scene | Speckle) -> Iterator[np.ndarray]:
    shown = sys.stderr.isatty()
    for number, frame in enumerate(scene.frames(), start=1):
        if shown and (number % 100 == 0 or number == scene.samples):
            end = "\n" if number == scene.samples else ""
            print(f"\r     {number:,} of {scene.samples:,}", end=end, file=sys.stderr, flush=True)
        yield frame


def _print_heard(sound: ph.Sound, took: float) -> None:
    low, high = sound.band_hz
    seconds = len(sound.samples) / float(sound.rate_hz)
    print(
        f"Heard {seconds:.2f} s of sound from {low:.3g} to {high:.4g} Hz, in {took:.1f} s of work."
    )
    if sound.motion_rms_px:
        print(
            f"The object moved by {sound.motion_rms_px:.2g} px RMS, and noise of "
            f"{sound.noise_floor_px:.2g} px is left: {sound.snr_db:.0f} dB over all that is wrong."
        )
    for warning in sound.warnings:
        print(f"Note: {warning}")


def _print_scores(scores: Scores) -> None:
    print(f"\n{'':<20}{'recovered':>10}{'ceiling':>10}")
    for metric in METRICS:
        column = scores.estimate if metric in ("stoi", "estoi") else scores.in_band
        best = scores.ceiling.get(metric)
        shown = "" if best is None else f"{best:.2f}"
        print(f"{LABELS[metric]:<20}{column[metric]:>10.2f}{shown:>10}")
    print("The ceiling is the true sound itself, cut to the band that this camera can hold.")
    for note in scores.notes:
        print(f"Note: {note}")


def _write_json(path: Path, record: object) -> None:
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
