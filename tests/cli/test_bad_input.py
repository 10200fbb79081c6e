"""What cannot be used is refused: one sentence, an exit code, no new file, an untouched input."""

import wave

import numpy as np
import pytest

from phonoscope.scene import write_video


@pytest.fixture
def film(tools, tmp_path):
    """Write frames to a video in the test's folder."""

    def write(frames, name="clip.mkv", **how):
        write_video(frames, tmp_path / name, tools.fps, **how)
        return tmp_path / name

    return write


@pytest.fixture
def copy(clip, tmp_path):
    """A copy of the clip, in the test's folder."""
    path = tmp_path / "clip.mkv"
    path.write_bytes(clip.read_bytes())
    return path


COMMANDS = pytest.mark.parametrize("command", ["recover", "measure"])


@COMMANDS
def test_missing_file(command, refused, tmp_path):
    refused(command, tmp_path / "no.mp4", code=1, says=["no.mp4 does not exist", "check the path"])


@COMMANDS
def test_folder_without_images(command, refused, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("no image")
    refused(command, tmp_path / "folder", "--fps", 9, code=1, says="holds no images")


@COMMANDS
def test_empty_file(command, refused, tmp_path):
    (tmp_path / "empty.mp4").touch()
    refused(command, tmp_path / "empty.mp4", code=1, says="is empty (0 bytes)")


@COMMANDS
def test_text_named_mp4(command, refused, tmp_path):
    (tmp_path / "text.mp4").write_text("this is no video\n" * 100)
    refused(command, tmp_path / "text.mp4", code=1, says="text.mp4")


@COMMANDS
def test_sound_only(command, refused, tmp_path):
    with wave.open(str(tmp_path / "song.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    given = [command, tmp_path / "song.wav", "-o", tmp_path / f"x.{_suffix(command)}"]
    refused(*given, code=1, says="holds sound only")


def _suffix(command):
    return "wav" if command == "recover" else "motion"


def test_mp4_without_index(refused, film, tools):
    path = film(tools.moving(40), "clip.mp4", codec="h264")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refused("recover", path, code=1, says="index (moov)")


def test_mp4_cut_short_gives_what_is_there(phonoscope, tools, tmp_path):
    path = _index_first(tmp_path, tools.moving(120))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    done = phonoscope("recover", path)
    assert done.code == 0
    assert "frames could be decoded" in done.err
    assert "of 120" in done.err
    assert (tmp_path / "first.wav").exists()


def test_mp4_cut_to_almost_nothing(refused, tools, tmp_path):
    path = _index_first(tmp_path, tools.moving(120))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 12])
    refused("recover", path, code=1, says="give")


def _index_first(folder, frames):
    import av

    path = folder / "first.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=240, options={"g": "10", "qp": "4"})
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        for luma in frames:
            frame = av.VideoFrame.from_ndarray(luma, format="gray")
            container.mux(stream.encode(frame.reformat(format="yuv420p")))
        container.mux(stream.encode(None))
    return path


@COMMANDS
def test_one_frame(command, refused, film, tools):
    given = [command, film(tools.moving(1)), "--fps", tools.fps]
    refused(*given, code=1, says=["there is 1 frame only", "give a longer video"])


def test_too_few_to_hear(refused, film, tools):
    refused("recover", film(tools.moving(20)), code=1, says="20 frames are too few to hear")


@pytest.mark.parametrize(("codec", "pix_fmt"), [("mjpeg", "yuvj420p"), ("libx264", "yuv420p")])
def test_size_changes_midway_in_a_file(codec, pix_fmt, refused, tools, tmp_path):
    path = tmp_path / ("clip.mjpeg" if codec == "mjpeg" else "clip.h264")
    parts = [tools.moving(40), tools.moving(40, 128, 96)]
    path.write_bytes(b"".join(tools.encode(part, codec, pix_fmt) for part in parts))
    given = ["recover", path, "--fps", tools.fps]
    refused(*given, code=1, says=["is 128x96 where the frames before are 96x64", "cut the video"])


def test_size_changes_midway_in_a_folder(refused, tools, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, luma in enumerate([*tools.moving(5), *tools.moving(5, 80, 64)]):
        (folder / f"{number}.png").write_bytes(tools.encode([luma], "png", "gray"))
    says = "5.png is 80x64 where the frames before are 96x64"
    refused("recover", folder, "--fps", 240, code=1, says=says)


@pytest.mark.parametrize(
    ("grey", "says"), [(128, ["flat", "choose a region with detail"]), (255, ["saturated"])]
)
def test_nothing_to_see(grey, says, refused, film):
    path = film(np.full((60, 64, 96), grey, np.uint8))
    refused("recover", path, code=1, says=says)


def test_noise_without_texture(refused, film):
    noisy = np.random.default_rng(1).normal(128, 2, (60, 64, 96)).round().astype(np.uint8)
    refused("recover", film(noisy), code=1, says="flat")


@COMMANDS
@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--fps", "0", "give a number above 0"),
        ("--fps", "-5", "give a number above 0"),
        ("--fps", "fast", "'fast' is not a frame rate"),
        ("--fps", "nan", "'nan' is not a frame rate"),
        ("--fps", "1/0", "'1/0' is not a frame rate"),
        ("--region", "0,0,500,10", "outside the frame of 96 x 64"),
        ("--region", "-1,0,20,20", "begins outside the frame"),
        ("--region", "0,0,0,10", "is empty"),
        ("--region", "1,2,3", "is not x,y,width,height"),
        ("--region", "a,b,c,d", "is not x,y,width,height"),
        ("--region", "0,0,8,8", "smaller than one cell"),
        ("--cell", "2", "too small"),
        ("--start", "60", "beyond the end"),
        ("--start", "-1", "start -1.0 is not a time"),
        ("--start", "nan", "start nan is not a time"),
        ("--duration", "0", "duration 0 holds no frames"),
        ("--duration", "inf", "duration inf is not a time"),
        ("--duration", "9", "goes beyond the end"),
    ],
)
def test_wrong_options(command, option, value, says, refused, copy):
    refused(command, copy, option, value, code=2, says=says)


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--band", "80,200", "above 120 Hz"),
        ("--band", "80", "is not low,high"),
        ("--band", "a,b", "is not low,high"),
        ("--band", "90,30", "is empty"),
        ("--band", "nan,90", "is empty"),
        ("--rate", "0", "file_rate 0"),
        ("--rate", "fast", "give Hz"),
        ("--rate", "44100.5", "give Hz"),
    ],
)
def test_wrong_options_of_recover(option, value, says, refused, copy):
    refused("recover", copy, option, value, code=2, says=says)


def test_band_is_checked_before_the_long_run(refused, copy, monkeypatch):
    monkeypatch.setattr("phonoscope.pipeline.measuring.measure_frames", None)
    refused("recover", copy, "--band", "80,200", code=2, says="above 120 Hz")


@COMMANDS
def test_image_folder_needs_a_rate(command, refused, tools, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "0.png").write_bytes(tools.encode(tools.moving(1), "png", "gray"))
    refused(command, folder, code=2, says="give the capture rate")


def test_wrong_option_names(phonoscope, copy):
    for arguments in (["recover", copy, "--speed", 3], ["recover"], ["listen"], ["--nothing"]):
        done = phonoscope(*arguments)
        assert done.code == 2
        assert "Usage: phonoscope" in done.err


class TestOutput:
    @COMMANDS
    def test_name_too_long(self, command, refused, copy, tmp_path):
        long = tmp_path / f"{'x' * 300}.{_suffix(command)}"
        refused(command, copy, "-o", long, code=1, says="File name too long")
        refused(command, long, code=1, says="File name too long")

    @COMMANDS
    def test_missing_folder(self, command, refused, copy, tmp_path):
        out = tmp_path / "none" / f"x.{_suffix(command)}"
        refused(command, copy, "-o", out, code=1, says=["none does not exist", "create it"])

    @COMMANDS
    def test_below_a_file(self, command, refused, copy):
        out = copy / f"x.{_suffix(command)}"
        refused(command, copy, "-o", out, code=1, says=f"{copy} is not a folder")

    @COMMANDS
    def test_a_folder(self, command, refused, copy, tmp_path):
        out = tmp_path / f"x.{_suffix(command)}"
        out.mkdir()
        refused(command, copy, "-o", out, code=1, says="it is a folder")

    @COMMANDS
    def test_read_only_folder(self, command, refused, copy):
        # procfs takes no new files, not even from root.
        out = f"/proc/x.{_suffix(command)}"
        refused(command, copy, "-o", out, code=1, says=f"cannot write {out}: ")

    def test_a_device_is_not_replaced(self, refused, copy, tmp_path):
        from pathlib import Path

        given = ["recover", copy, "-o", tmp_path / "x.wav", "--json", "/dev/null"]
        refused(*given, code=1, says="/dev/null: it is no regular file")
        assert Path("/dev/null").is_char_device()

    @COMMANDS
    def test_wrong_suffix(self, command, refused, copy, tmp_path):
        refused(command, copy, "-o", tmp_path / "x.mp3", code=2, says="x.mp3")

    @COMMANDS
    def test_the_input_itself(self, command, refused, copy, tmp_path):
        disguised = copy.rename(tmp_path / f"clip.{_suffix(command)}")
        refused(command, disguised, code=2, says="is the input itself")
        refused(command, disguised, "-o", disguised, code=2, says="is the input itself")

    def test_json_is_the_input(self, refused, copy, tmp_path):
        given = ["recover", copy, "-o", tmp_path / "x.wav", "--json"]
        refused(*given, copy, code=2, says="is the input itself")
        (tmp_path / "link.json").symlink_to(copy)
        refused(*given, tmp_path / "link.json", code=2, says="is the input itself")

    def test_json_is_one_of_the_images(self, refused, tools, tmp_path):
        folder = tmp_path / "frames"
        folder.mkdir()
        image = folder / "0.png"
        image.write_bytes(tools.encode(tools.moving(1), "png", "gray"))
        for source in (folder, folder / "*.png"):
            given = ["recover", source, "--fps", 240, "-o", tmp_path / "x.wav", "--json", image]
            refused(*given, code=2, says="is the input itself")

    def test_two_identical(self, refused, copy, tmp_path):
        given = ["recover", copy, "-o", tmp_path / "x.wav", "--json", tmp_path / "." / "x.wav"]
        refused(*given, code=2, says="cannot both be written")

    def test_json_unwritable(self, refused, copy, tmp_path):
        given = ["recover", copy, "-o", tmp_path / "x.wav", "--json", tmp_path / "none" / "x.json"]
        refused(*given, code=1, says="none does not exist")

    def test_default_spares_what_is_not_ours(self, refused, phonoscope, copy, tmp_path):
        (tmp_path / "clip.wav").write_bytes(b"somebody's music")
        says = ["was not made by Phonoscope", "-o"]
        refused("recover", copy, code=2, says=says)
        (tmp_path / "clip.motion").write_bytes(b"somebody's game")
        refused("measure", copy, code=2, says=says)
        assert phonoscope("recover", copy, "-o", tmp_path / "clip.wav").code == 0
        assert phonoscope("recover", copy).code == 0  # now it is ours

    def test_pattern_needs_a_name(self, refused, tmp_path):
        refused("recover", tmp_path / "*.png", "--fps", 9, code=2, says="choose the output with -o")


class TestMotionFile:
    def test_measure_takes_none(self, refused, motion, tmp_path):
        path = tmp_path / "clip.motion"
        path.write_bytes(motion.read_bytes())
        says = ["is a motion field, measured already", "recover"]
        refused("measure", path, code=1, says=says)
        refused("measure", path, "-o", tmp_path / "x.motion", code=1, says=says)

    @pytest.mark.parametrize(
        ("option", "value", "says"),
        [
            ("--cell", "8", "cannot be chosen any more"),
            ("--region", "900,0,20,20", "no cell of the motion field"),
            ("--start", "60", "beyond the end"),
            ("--start", "nan", "is not a time"),
            ("--duration", "0", "must be positive"),
            ("--duration", "9", "goes beyond the end"),
            ("--band", "80,200", "above 120 Hz"),
            ("--fps", "0", "give a number above 0"),
        ],
    )
    def test_wrong_options(self, option, value, says, refused, motion, tmp_path):
        given = ["recover", motion, "-o", tmp_path / "x.wav", option, value]
        refused(*given, code=2, says=says)

    @pytest.mark.parametrize("share", [0.0001, 0.1, 0.5, 0.9, 0.999])
    def test_cut_short(self, share, refused, motion, tmp_path):
        path = tmp_path / "cut.motion"
        raw = motion.read_bytes()
        path.write_bytes(raw[: int(share * len(raw))])
        refused("recover", path, code=1, says="cut.motion")

    def test_not_a_motion_file(self, refused, tmp_path):
        (tmp_path / "x.motion").write_text("motion")
        refused("recover", tmp_path / "x.motion", code=1, says="x.motion")

    @pytest.mark.slow
    def test_random_damage_is_noticed_or_harmless(self, motion, tmp_path):
        import phonoscope

        whole = motion.read_bytes()
        truth = phonoscope.recover(motion)
        rng = np.random.default_rng(5)
        refusals = 0
        for trial in range(150):
            raw = bytearray(whole)
            # Every other one in the first pages, with the schema and the description.
            place = rng.integers(len(raw) if trial % 2 else 8192)
            length = rng.choice([1, 4, 64])
            length = min(length, len(raw) - place)
            raw[place : place + length] = rng.bytes(length)
            (tmp_path / "damaged.motion").write_bytes(raw)
            try:
                sound = phonoscope.recover(tmp_path / "damaged.motion")
            except phonoscope.InputError:
                refusals += 1
            else:
                np.testing.assert_array_equal(sound.samples, truth.samples)
                assert sound.record == truth.record
        assert refusals > 20

    def test_of_the_future(self, refused, motion, tmp_path):
        import sqlite3
        from contextlib import closing

        path = tmp_path / "new.motion"
        path.write_bytes(motion.read_bytes())
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
            connection.commit()
        refused("recover", path, code=1, says=["of version 99", "install a newer one"])
