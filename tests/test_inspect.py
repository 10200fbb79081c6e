"""A look before the long run: what it foretells comes true, and what it advises fits."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.pipeline.advice import advice
from phonoscope.scene import Camera, Motion, Scene, Sway, Texture, noise, silence, write_video
from phonoscope.sound import displacement_information
from phonoscope.sound.filter import band_pass

RATE_HZ = 8000


def _scene(texture="foil", *, frames=1500, rms_px=0.0, seed=1, size=(160, 128), fps=2200, **camera):
    length = frames / fps + 1
    return Scene(
        Camera(*size, Fraction(fps), 0.0, read_noise=2.0, shot_gain=0.05, **camera),
        Texture(texture, seed=seed),
        Motion(rms_px, seed=seed),
        noise(length, RATE_HZ, 60, 1000, seed) if rms_px else silence(length, RATE_HZ),
        RATE_HZ,
        frames,
        seed=seed,
    )


def _real_noise_px(field, band):
    """Return the deviation of the picture's mean motion within a band, along a mean direction."""
    information = displacement_information(field.information)
    total = information.sum(axis=0)
    mean = np.einsum("cij,tcj->ti", information, field.motion) @ np.linalg.inv(total)
    axes = np.linalg.eigh(total)[1]
    variance = band_pass(mean @ axes, float(field.rate_hz), band).var(axis=0)
    return float(np.mean(1 / variance) ** -0.5)


@pytest.mark.slow
@pytest.mark.parametrize("texture", ["foil", "speckle", "leaves"])
def test_what_is_foretold_of_noise_comes_true(texture):
    frames = list(_scene(texture).frames())
    found = ph.inspect(frames, fps=2200)
    assert found.sampled < found.samples == len(frames)
    field = ph.measure(frames, fps=2200)
    # 1,500 samples tell a deviation to 2.6 % a standard deviation for each axis.
    assert found.noise_px == pytest.approx(_real_noise_px(field, found.band_hz), rel=0.1)
    real = ph.recover(field).verdict.detectable_px
    assert abs(20 * np.log10(found.detectable_px / real)) < 2


@pytest.mark.slow
def test_sound_in_the_sample_is_not_taken_for_noise():
    silent = ph.inspect(_scene().frames(), fps=2200)
    loud = ph.inspect(_scene(rms_px=0.02).frames(), fps=2200)
    assert loud.noise_px == pytest.approx(silent.noise_px, rel=0.1)
    assert loud.detectable_px == pytest.approx(silent.detectable_px, rel=0.1)


def test_a_longer_clip_lets_less_be_heard():
    frames = list(_scene(frames=1200).frames())
    short, long = (ph.inspect(frames[:n], fps=2200) for n in (600, 1200))
    # Where few channels tell the direction, the fourth root of the length; at best the root.
    assert 2 ** (-1 / 2) < long.detectable_px / short.detectable_px < 2 ** (-1 / 5)


@pytest.mark.slow
def test_rows_are_foretold_too():
    scene = _scene("leaves", frames=150, size=(320, 360), fps=60, line_delay_s=32e-6)
    found = ph.inspect(scene.frames(), fps=60, line_delay=32e-6)
    assert found.sampled <= 150
    assert found.band_hz == (80, 2000)
    assert "rolling shutter: sound from 80 to 2000 Hz can be recovered" in found.advice[0]
    real = ph.recover(scene.frames(), fps=60, line_delay=32e-6).verdict.detectable_px
    assert abs(20 * np.log10(found.detectable_px / real)) < 2


def test_only_a_sample_is_read():
    read = 0

    def counted():
        nonlocal read
        for frame in _scene(frames=3000, size=(64, 48)).frames():
            read += 1
            yield frame

    found = ph.inspect(counted(), fps=2200)
    assert found.sampled <= 1024
    assert read <= 1024 + 128 + 2  # those that are decoded ahead
    assert found.samples is None  # nobody says how many there are
    assert found.seconds is None


def test_a_short_clip_is_read_whole():
    found = ph.inspect(_scene(frames=200).frames(), fps=2200)
    assert found.sampled == found.samples == 200
    assert found.seconds > 0


def test_the_time_grows_with_the_length():
    frames = list(_scene(frames=1200, size=(64, 48)).frames())
    assert ph.inspect(frames * 10, fps=2200).seconds > 2 * ph.inspect(frames, fps=2200).seconds


def test_a_container_that_declares_only_its_length_foretells_no_less(tmp_path):
    path = tmp_path / "clip.mkv"
    write_video(_scene(frames=1300, size=(64, 48)).frames(), path, 2200)
    found = ph.inspect(path, fps=2200)
    assert found.facts.frames is None
    assert found.sampled < found.samples == pytest.approx(1300, abs=2)
    assert found.seconds is not None


def test_the_memory_does_not():
    frames = list(_scene(frames=1100, size=(64, 48)).frames())
    some, many = (ph.inspect(frames * n, fps=2200).memory_bytes for n in (1, 20))
    assert many - some < 50e6


@pytest.mark.parametrize(("lamp_hz", "depth"), [(100, 0.03), (120, 0.005)])
def test_a_lamp_is_found(lamp_hz, depth):
    scene = _scene(frames=800, flicker_hz=lamp_hz, flicker_depth=depth)
    found = ph.inspect(scene.frames(), fps=2200)
    assert found.flicker.lamp_hz == lamp_hz
    assert found.flicker.depth == pytest.approx(depth, rel=0.1)
    assert any(f"flickers at {lamp_hz} Hz" in sentence for sentence in found.advice)


def test_a_lamp_is_found_that_folds_back():
    scene = _scene(frames=400, fps=130, flicker_hz=100, flicker_depth=0.02)
    assert ph.inspect(scene.frames(), fps=130).flicker.lamp_hz == 100


@pytest.mark.slow
def test_a_lamp_is_found_in_rows():
    scene = _scene(
        frames=120, size=(320, 360), fps=60, line_delay_s=32e-6, flicker_hz=100, flicker_depth=0.03
    )
    flicker = ph.inspect(scene.frames(), fps=60, line_delay=32e-6).flicker
    assert flicker.lamp_hz == 100
    assert flicker.depth == pytest.approx(0.03, rel=0.3)  # shading lies along the bands


@pytest.mark.slow
def test_a_lamp_that_contradicts_the_line_delay_is_told():
    scene = _scene(
        "print", frames=150, size=(320, 180), fps=60, line_delay_s=64e-6, flicker_hz=100.05,
        flicker_depth=0.1,
    )  # fmt: skip
    right, wrong = (
        ph.inspect(scene.frames(), fps=60, line_delay=delay).warnings for delay in (64e-6, 58e-6)
    )
    assert not any("lamp" in warning for warning in right)
    assert any("shows a line delay of 6.4" in warning for warning in wrong)


@pytest.mark.parametrize("seed", range(4))
def test_no_lamp_is_found_where_none_is(seed):
    scene = replace(_scene(frames=600, seed=seed), sway=Sway(2.0, 1.0))
    assert ph.inspect(scene.frames(), fps=2200).flicker is None


def test_slow_frames_hold_no_speech():
    found = ph.inspect(_scene(frames=60, fps=30).frames(), fps=30)
    assert found.advice[0] == (
        "30 frames/s, global shutter: nothing above 15 Hz can be recovered from this file."
    )
    text = " ".join(found.advice)
    assert "No speech can come from it: voices begin at 100 Hz and words take 1000 to" in text
    # Half of 1/30 s: 1 / (pi 100 Hz 16.7 ms) is 0.19.
    assert "16.7 ms (half of that, as is usual) leaves no more than 0.19 of 100 Hz" in text
    assert "sway and shaking up to 15 Hz" in text
    assert "--shutter rolling" in text
    assert "phonoscope film" in text
    assert "2000 frames/s or more" in text
    assert "Film, silent film too" in text
    assert not any("capture rate of 30" in warning for warning in found.warnings)


def test_fast_frames_do():
    text = " ".join(ph.inspect(_scene(frames=600).frames(), fps=2200).advice)
    assert "nothing above 1100 Hz" in text
    for absent in ("speech", "Film", "repeat", "saturated", "texture", "soft", "codec", "lamp"):
        assert absent not in text


def test_frames_that_repeat_are_noticed():
    frames = list(_scene(frames=96, fps=24).frames())
    pulled_down = [frames[4 * n // 5] for n in range(120)]
    found = ph.inspect(pulled_down, fps=30)
    assert found.repeated == found.alike == pytest.approx(0.2, abs=0.02)
    assert found.facts.capture_rate == 24
    assert found.samples == 96
    assert found.advice[0].startswith("24 frames/s, global shutter: nothing above 12 Hz")
    assert any("24 frames/s are shown as 30" in sentence for sentence in found.warnings)


def test_saturation_and_plain_walls_are_noticed():
    frames = np.stack(list(_scene(frames=300).frames()))
    white = frames.copy()
    white[:, :, 96:] = 255
    found = ph.inspect(white, fps=2200)
    assert any("40% of the picture is saturated" in sentence for sentence in found.advice)
    right = found.cells.x_px >= 96
    assert np.all(found.saturated[right] == 1)
    assert np.all(found.saturated[~right] == 0)
    assert np.all(np.isinf(found.cell_noise_px[right]))
    plain = np.random.default_rng(0).normal(120, 2, frames.shape)
    plain[:, :16, :48] = frames[:, :16, :48]
    text = " ".join(ph.inspect(np.rint(plain).astype(np.uint8), fps=2200).advice)
    assert "of the picture has texture" in text


@pytest.mark.parametrize("blur_px", [1.0, 2.0])
def test_detail_is_as_wide_as_the_blur(blur_px):
    found = ph.inspect(_blurred(blur_px), fps=2200)
    # Of noise that a Gaussian of standard deviation s has blurred, deviation over slope is s.
    median = np.median(found.detail_px[np.isfinite(found.cell_noise_px)])
    assert median == pytest.approx(blur_px, rel=0.2)
    assert not any("soft" in sentence for sentence in found.advice)


def test_poor_focus_is_noticed():
    advised = ph.inspect(_blurred(6.0), fps=2200).advice
    assert any("picture is soft" in sentence for sentence in advised)


def _blurred(sigma_px):
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(0)
    clean = gaussian_filter(rng.standard_normal((128, 160)), sigma_px)
    frames = 120 + 30 * clean / clean.std() + rng.normal(0, 1, (200, 128, 160))
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def test_compression_is_noticed(tmp_path):
    write_video(_scene(frames=300).frames(), tmp_path / "clip.mkv", 2200, codec="h264", crf=23)
    found = ph.inspect(tmp_path / "clip.mkv", fps=2200)
    assert found.predicted
    assert found.smoothed
    assert found.size_bytes == (tmp_path / "clip.mkv").stat().st_size
    assert any("Compression has smoothed" in sentence for sentence in found.advice)
    assert not any("sways" in sentence for sentence in found.advice)


@pytest.mark.slow
def test_sway_behind_a_codec_is_noticed(tmp_path):
    scene = replace(_scene("speckle", frames=400, fps=240), sway=Sway(2.0, 1.0))
    write_video(scene.frames(), tmp_path / "clip.mkv", 240, codec="h264", crf=10)
    found = ph.inspect(tmp_path / "clip.mkv", fps=240)
    assert found.lag_px > 0.05
    assert found.detectable_px >= found.lag_px
    assert any("The camera sways" in sentence for sentence in found.advice)


def test_phones_are_noticed():
    found = ph.inspect(_scene(frames=100).frames(), fps=2200)
    phone = replace(found, facts=replace(found.facts, camera="Apple iPhone 15 Pro"))
    assert any("Apple iPhone 15 Pro: phones stabilise" in sentence for sentence in advice(phone))
    assert not any("stabilise" in sentence for sentence in found.advice)


def test_what_is_measured_already_is_refused(tmp_path):
    frames = list(_scene(frames=64).frames())
    field = ph.measure(frames, fps=2200, output=tmp_path / "clip.motion")
    for source in (field, tmp_path / "clip.motion"):
        with pytest.raises(ph.UsageError, match="measured already"):
            ph.inspect(source)


def test_too_few_frames_are_refused():
    with pytest.raises(ph.InputError, match="20 frames are too few"):
        ph.inspect(_scene(frames=20).frames(), fps=2200)
