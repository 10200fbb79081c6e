"""Scans of film with an optical soundtrack, whose sound and every fault are known exactly.

A scan shows one frame of film and a little of its neighbours. Positions on the film are counted in
lines: frame n of the film begins at line ``n * pitch``, and lines further down pass later.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from phonoscope.errors import UsageError
from phonoscope.scene.checks import check
from phonoscope.types import Float64, Luma

FilmKind = Literal["unilateral", "bilateral", "dual", "density", "none"]
FILM_KINDS: tuple[FilmKind, ...] = ("unilateral", "bilateral", "dual", "density", "none")
_HOLES = (0.025, 0.085)  # parts of the width, as on 35 mm film
_TRACK = (0.11, 0.20)
_PICTURE = 0.225
_DARK, _CLEAR = 0.03, 0.85
_DEPTH = 0.85  # of full modulation
_SCRATCH = 0.2  # of transmission, that a scratch adds
_REACH = 12  # lines that jitter, skew and interpolation may need beyond the scan
_STEP = 1e-3


@dataclass(frozen=True, eq=False)
class FilmScan:
    """A film with a soundtrack, scanned frame by frame.

    Attributes
    ----------
    sound
        ``(sample,)`` or ``(channel, sample)``, from -1 to 1; a `dual` track has up to two channels.
    sound_rate_hz
        Its rate.
    kind
        Variable area with one moving edge (``"unilateral"``), two (``"bilateral"``), or four
        (``"dual"``); variable ``"density"``; or ``"none"``: a silent film.
    frames
        How many are scanned.
    width, pitch
        Of a scan in px; lines from one frame of the film to the next.
    overlap
        Part of the pitch that a scan shows of its neighbours, both together.
    fps
        Frames a second at which the film runs.
    side
        Where the track lies.
    bits
        Of the scan.
    gamma
        The scan holds transmission to the power ``1 / gamma``.
    grain, noise
        Standard deviation of the film's grain at half transmission (it is part of the film, and
        both scans of a line show it), and of the scanner's noise, in transmission.
    dust, scratches
        Opaque specks a frame; clear lines along the film.
    weave_px
        RMS of each frame's shift in x and y.
    skew
        Turn of the scan, rad.
    uneven
        Loss of light from the middle to the border.
    blur_px
        Standard deviation of an edge's width.
    picture
        Whether there are holes and a picture beside the track.
    seed
        Of everything that is drawn at random.
    """

    sound: Float64
    sound_rate_hz: float
    kind: FilmKind = "bilateral"
    frames: int = 48
    width: int = 480
    pitch: int = 480
    overlap: float = 0.06
    fps: float = 24.0
    side: Literal["left", "right"] = "left"
    bits: int = 8
    gamma: float = 1.0
    grain: float = 0.04
    noise: float = 0.01
    dust: float = 1.0
    scratches: int = 1
    weave_px: tuple[float, float] = (0.5, 0.5)
    skew: float = 0.0
    uneven: float = 0.15
    blur_px: float = 0.9
    picture: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in FILM_KINDS:
            raise UsageError(f"kind {self.kind!r} is none of {', '.join(FILM_KINDS)}.")
        check("frames", self.frames, 1, whole=True)
        check("width", self.width, 64, whole=True)
        check("pitch", self.pitch, 64, whole=True)
        check("overlap", self.overlap, 0, 0.5)
        check("bits", self.bits, 8, 16, whole=True)
        check("gamma", self.gamma, 0, 10, above=True)

    @property
    def height(self) -> int:
        """Lines of a scan."""
        return round(self.pitch * (1 + self.overlap))

    @property
    def line_rate_hz(self) -> float:
        """Lines of film that pass in a second."""
        return self.pitch * self.fps

    @property
    def place(self) -> tuple[float, float]:
        """Left and right border of the track, px."""
        share = _TRACK if self.picture else (0.1, 0.9)
        first, last = share[0] * self.width, share[1] * self.width
        if self.side == "right":
            first, last = self.width - 1 - last, self.width - 1 - first
        return first, last

    def shift_px(self, number: int) -> tuple[float, float]:
        """Return how far a frame's scan is shifted on the film, (x, y)."""
        random = np.random.default_rng([self.seed, 1, number])
        x, y = random.standard_normal(2).clip(-3, 3) * self.weave_px
        return float(x), float(y)

    def lines(self, number: int) -> Float64:
        """Return ``(height,)`` the film's line that each line of a scan shows, mid-track."""
        begin = (self.pitch - self.height) / 2
        first = number * self.pitch + begin + self.shift_px(number)[1]
        return np.asarray(first + np.arange(self.height, dtype=np.float64))

    def sound_at(self, line: Float64) -> Float64:
        """Return ``(channel, *line.shape)`` the sound at places of the film."""
        sound = np.atleast_2d(np.asarray(self.sound, np.float64))
        at = line / self.line_rate_hz * self.sound_rate_hz
        return np.array([_between(one, at) for one in sound])

    def clean(self, number: int, more: float | Sequence[float] = 0.0) -> Float64:
        """Return ``(height, width)`` what a scan without grain, dust and noise shows, 0 to 1.

        `more` is added to the sound, or of each channel its own: differences show what each pixel
        says of it.
        """
        film = self._film(number, more) + _SCRATCH * self._defects(number).clip(0, None)
        return self._seen(film)

    def spread(self, number: int) -> Float64:
        """Return ``(height, width)`` the standard deviation of grain and noise, 0 to 1."""
        film = self._film(number, 0.0)
        slope = self._seen(film + _STEP) - self._seen(film - _STEP)
        light = self._light()
        both = np.hypot(_grain_of(film) * self.grain, self.noise / light)
        return np.asarray(np.abs(slope) / (2 * _STEP) * both)

    def damaged(self, number: int) -> Float64:
        """Return ``(height, width)`` the share of dust (negative) and scratches (positive)."""
        return self._defects(number)

    def scan(self, number: int) -> Luma:
        """Return ``(height, width)`` one frame's scan."""
        film = self._film(number, 0.0)
        film = film + self.grain * _grain_of(film) * self._grain(number)
        defects = self._defects(number)
        film = np.where(defects < 0, film * (1 + 0.95 * defects), film + _SCRATCH * defects)
        random = np.random.default_rng([self.seed, 2, number])
        light = film.clip(0, 1) * self._light()
        light = light + self.noise * random.standard_normal(film.shape)
        full = 2**self.bits - 1
        value = np.rint(full * light.clip(0, 1) ** (1 / self.gamma))
        return np.asarray(value.astype(np.uint8 if self.bits == 8 else np.uint16))

    def scans(self) -> Iterator[Luma]:
        """Yield every frame's scan."""
        for number in range(self.frames):
            yield self.scan(number)

    def _seen(self, film: Float64) -> Float64:
        return np.asarray((film.clip(0, 1) * self._light()) ** (1 / self.gamma))

    def _light(self) -> Float64:
        y = np.linspace(-1, 1, self.height)[:, None]
        x = np.linspace(-1, 1, self.width)
        return np.asarray(1 - self.uneven * (0.5 * (x - 0.2) ** 2 + 0.5 * (y + 0.1) ** 2))

    def _places(self, number: int) -> tuple[Float64, Float64]:
        """Return film coordinates ``(height, width)`` of the pixels: x in px, lines."""
        shift_x = self.shift_px(number)[0]
        x = np.arange(self.width, dtype=np.float64)
        y = self.lines(number)
        middle = np.mean(self.place)
        down = np.arange(self.height) - (self.height - 1) / 2
        film_x = x[None, :] + shift_x - self.skew * down[:, None]
        line = y[:, None] + self.skew * (x[None, :] - middle)
        return film_x, line

    def _film(self, number: int, more: float | Sequence[float]) -> Float64:
        """Return the transmission of clean film at each pixel."""
        x, line = self._places(number)
        film = np.full(x.shape, _DARK)
        if self.picture:
            self._draw_beside(film, x, line, number)
        if self.kind != "none":
            self._draw_track(film, x, line, more)
        return film

    def _draw_beside(self, film: Float64, x: Float64, line: Float64, number: int) -> None:
        mirrored = self.width - 1 - x if self.side == "right" else x
        across = mirrored / self.width
        edge = self.blur_px
        # Four holes a frame, whatever its number.
        of_hole = np.mod(line / self.pitch * 4, 1) * self.pitch / 4
        tall = self.pitch / 4 * 0.42
        hole = _ramp(of_hole - 0.3 * self.pitch / 4, edge) - _ramp(
            of_hole - 0.3 * self.pitch / 4 - tall, edge
        )
        for first, last in (_HOLES, (1 - _HOLES[1], 1 - _HOLES[0])):
            wide = _ramp(mirrored - first * self.width, edge) - _ramp(
                mirrored - last * self.width, edge
            )
            film += (1.0 - film) * wide * hole
        begin = _HOLES[1] + 0.02 if self.kind == "none" else _PICTURE
        inside = (across > begin) & (across < 1 - _HOLES[1] - 0.02)
        frame = np.floor(line / self.pitch)
        phase = line / self.pitch - frame
        inside &= (phase > 0.04) & (phase < 0.96)
        moved = 0.13 * frame
        grey = 0.45 + 0.2 * np.sin(2 * np.pi * (3 * across + 2 * phase + moved))
        grey += 0.15 * np.sin(2 * np.pi * (7 * across - 5 * phase + 2.3 * moved))
        grey += 0.1 * np.sin(2 * np.pi * (17 * across + 11 * phase - 1.7 * moved))
        film[inside] = grey[inside].clip(_DARK, _CLEAR)

    def _draw_track(
        self, film: Float64, x: Float64, line: Float64, more: float | Sequence[float]
    ) -> None:
        first, last = self.place
        near = slice(max(0, int(first) - 12), int(last) + 13)
        x, line = x[:, near], line[:, near]
        sound = (self.sound_at(line) + np.reshape(more, (-1, 1, 1))) * _DEPTH
        wide, edge = last - first, self.blur_px
        if self.kind == "density":
            cover = _ramp(x - first, edge) - _ramp(x - last, edge)
            film[:, near] += (0.4 * (1 + sound[0]) - _DARK) * cover
            return
        if self.kind == "unilateral":
            spans = [(first + 0 * sound[0], first + wide * (0.5 + 0.5 * sound[0]))]
        else:
            bands = 2 if self.kind == "dual" else 1
            spans = []
            for band in range(bands):
                half = (wide / bands - (2 if bands == 2 else 0)) / 2
                middle = first + wide * (band + 0.5) / bands
                reach = half * (0.5 + 0.5 * sound[min(band, len(sound) - 1)])
                spans.append((middle - reach, middle + reach))
        for begin, end in spans:
            film[:, near] += (_CLEAR - _DARK) * (_ramp(x - begin, edge) - _ramp(x - end, edge))

    def _grain(self, number: int) -> Float64:
        return self._sampled(number, self._grain_block)

    def _defects(self, number: int) -> Float64:
        # Values are of the nearest place: a speck has no grey border.
        return np.clip(self._sampled(number, self._defect_block), -1, 1)

    def _sampled(self, number: int, block: "object") -> Float64:
        from scipy.ndimage import map_coordinates

        x, line = self._places(number)
        drawn = [block(n) for n in (number - 1, number, number + 1)]  # type: ignore[operator]
        canvas = np.concatenate(drawn)
        at = line - (number - 1) * self.pitch
        smooth = block == self._grain_block
        return np.asarray(
            map_coordinates(canvas, [at, x + _REACH], order=3 if smooth else 1, mode="nearest")
        )

    def _grain_block(self, number: int) -> Float64:
        return _noise_block(self.seed, number, self.pitch, self.width + 2 * _REACH)

    def _defect_block(self, number: int) -> Float64:
        shape = (self.pitch, self.width + 2 * _REACH)
        block = np.zeros(shape)
        wander = np.random.default_rng([self.seed, 5])
        for at in wander.uniform(self.place[0], self.place[1], self.scratches):
            column = round(float(at)) + _REACH
            block[:, column] = 1.0
        random = np.random.default_rng([self.seed, 4, number + 10])
        share = (self.place[1] - self.place[0]) / self.width
        for _ in range(random.poisson(self.dust)):
            # As many specks on the track as are said for the frame, and the same around it.
            x = random.uniform(self.place[0], self.place[1]) + _REACH
            y, radius = random.uniform(0, self.pitch), random.uniform(1, 3)
            rows, columns = np.ogrid[: shape[0], : shape[1]]
            block[(rows - y) ** 2 + (columns - x) ** 2 < radius**2] = -1.0
        for _ in range(random.poisson(self.dust * (1 - share))):
            x, y = random.uniform(0, shape[1]), random.uniform(0, self.pitch)
            rows, columns = np.ogrid[: shape[0], : shape[1]]
            block[(rows - y) ** 2 + (columns - x) ** 2 < 4] = -1.0
        return block


@lru_cache(maxsize=4)
def _noise_block(seed: int, number: int, lines: int, width: int) -> Float64:
    random = np.random.default_rng([seed, 3, number + 10])
    return random.standard_normal((lines, width))


def _grain_of(film: Float64) -> Float64:
    """Return grain relative to that at half transmission: none in what is clear or opaque."""
    return np.asarray(2 * np.sqrt((film * (1 - film)).clip(0.01, None)))


def _ramp(x: Float64, blur_px: float) -> Float64:
    from scipy.special import ndtr

    return np.asarray(ndtr(x / blur_px))


def _between(sound: Float64, at: Float64) -> Float64:
    """Return a sound between its samples, by cubic splines; 0 beyond its ends."""
    from scipy.ndimage import map_coordinates

    first = min(max(int(at.min()) - 32, 0), len(sound))  # a spline's reach is shorter
    near = sound[first : max(int(at.max()) + 33, first)]
    if len(near) == 0:
        return np.zeros_like(at)
    return np.asarray(map_coordinates(near, [at - first], order=3, mode="constant"))
