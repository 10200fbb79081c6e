"""Which files are meant, and what their results are called."""

import pytest

from phonoscope.batch import videos_in
from phonoscope.batch.listing import items_of, names_of
from phonoscope.errors import UsageError


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["a.mp4", "b.mp4"], ["a", "b"]),
        (["day 1/a.mp4", "day 2/a.mp4", "b.mp4"], ["day 1-a", "day 2-a", "b"]),
        (["x/a.mp4", "x/a.MOV"], ["a-mp4", "a-mov"]),
        (["x/a.mp4", "x/a.mov", "y/a.mp4"], ["x-a-mp4", "x-a-mov", "y-a-mp4"]),
        (["1/x/a.mp4", "2/x/a.mp4"], ["a-1", "a-2"]),
        (["x/a.mp4", "x/a.mp4"], ["a-1", "a-2"]),  # with other settings
        (["x/clip.mp4", "y/Clip.mp4"], ["x-clip", "y-Clip"]),
        (["x/\u00e9.mp4", "y/e\u0301.mp4"], ["x-\u00e9", "y-e\u0301"]),
        (["x/a.mp4", "y/a.mp4", "x-a.mp4"], ["x-a", "y-a", "x-a-2"]),
        (["take.1.mp4", "take.2.mp4"], ["take.1", "take.2"]),
        # These would be the names of what is written beside `take.wav`.
        (["take.mp4", "take.1.mp4", "take.enhanced.mp4"], ["take", "take-1", "take-enhanced"]),
        (["frames/*.png"], ["frames"]),
    ],
)
def test_names(sources, names):
    assert names_of(sources) == names
    assert len({name.casefold() for name in names}) == len(names)


def test_videos_of_a_folder_and_of_a_pattern(tmp_path):
    for name in ("b.mp4", "a.MOV", "a.jpg", "notes.txt", ".hidden.mp4"):
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    found = [str(tmp_path / "a.MOV"), str(tmp_path / "b.mp4")]
    assert videos_in(str(tmp_path)) == found
    assert videos_in(str(tmp_path / "*")) == found
    assert videos_in(str(tmp_path / "*.jpg")) == []
    assert videos_in(str(tmp_path / "b.mp4")) == []


def test_each_file_once(tmp_path):
    (tmp_path / "a.mp4").touch()
    twice = [str(tmp_path), str(tmp_path / "a.mp4"), f"{tmp_path}/../{tmp_path.name}/a.mp4"]
    (item,) = items_of(twice, {}, tmp_path / "out")
    assert item.sound == tmp_path / "out" / "a.wav"
    assert item.record == tmp_path / "out" / "a.json"


def test_images_stay_one_source(tmp_path):
    (tmp_path / "0.png").touch()
    (item,) = items_of([str(tmp_path)], {"fps": 9}, tmp_path / "out")
    assert (item.source, item.sound.stem) == (str(tmp_path), tmp_path.name)


def test_nothing_to_do(tmp_path):
    with pytest.raises(UsageError, match="there are no sources"):
        items_of([], {}, tmp_path)
