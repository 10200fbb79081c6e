"""Pixels of 10 and 12 bits, packed without gaps, highest bits first; and what mosaics are made of.

Packed 10-bit pixels of Phantom cameras are squeezed by a curve much like that of Rec. 709; they are
given back as the 12 bits of linear light that were squeezed, by the table that Vision Research
publishes for it (*The Cine File Format*; pycine has the same [1]_). It is stored here as the steps
from one entry to the next.

References
----------
.. [1] *pycine*, https://github.com/ottomatic-io/pycine
"""

from functools import cache

import numba
import numpy as np
from numpy.typing import NDArray

_WHITE, _TOP = 1014, 4095  # codes above white mean the full scale


def unpack10(packed: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    """Write the linear light of packed 10-bit pixels of a Phantom to `out`, four by four."""
    _unpack10(packed, linear10(), out)


@numba.njit(nogil=True, cache=True)
def _unpack10(
    packed: NDArray[np.uint8], table: NDArray[np.uint16], out: NDArray[np.uint16]
) -> None:
    for n in range(len(out) // 4):
        a, b, c, d, e = (
            np.int64(packed[5 * n]), np.int64(packed[5 * n + 1]), np.int64(packed[5 * n + 2]),
            np.int64(packed[5 * n + 3]), np.int64(packed[5 * n + 4]),
        )  # fmt: skip
        out[4 * n] = table[a << 2 | b >> 6]
        out[4 * n + 1] = table[(b & 63) << 4 | c >> 4]
        out[4 * n + 2] = table[(c & 15) << 6 | d >> 2]
        out[4 * n + 3] = table[(d & 3) << 8 | e]


@numba.njit(nogil=True, cache=True)
def unpack12(packed: NDArray[np.uint8], out: NDArray[np.uint16]) -> None:
    """Write packed 12-bit pixels to `out`, two by two."""
    for n in range(len(out) // 2):
        a, b, c = (
            np.uint16(packed[3 * n]), np.uint16(packed[3 * n + 1]), np.uint16(packed[3 * n + 2])
        )  # fmt: skip
        out[2 * n] = a << np.uint16(4) | b >> np.uint16(4)
        out[2 * n + 1] = (b & np.uint16(15)) << np.uint16(8) | c


@numba.njit(nogil=True, cache=True)
def sum_of_four(
    mosaic: NDArray[np.uint16], full: int, shift: int, out: NDArray[np.uint16], top: int
) -> None:
    """Write the sum of each 2 x 2 pixels, shifted down, to `out`; `top` where one is at `full`."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            a, b = np.int64(mosaic[2 * y, 2 * x]), np.int64(mosaic[2 * y, 2 * x + 1])
            c, d = np.int64(mosaic[2 * y + 1, 2 * x]), np.int64(mosaic[2 * y + 1, 2 * x + 1])
            full_somewhere = max(max(a, b), max(c, d)) >= full
            out[y, x] = top if full_somewhere else (a + b + c + d) >> shift


@cache
def linear10() -> NDArray[np.uint16]:
    """Return the 12-bit linear light of each 10-bit code."""
    steps = np.frombuffer(_STEPS.encode(), np.uint8) - np.uint8(ord("0"))
    table = np.full(1024, _TOP, np.uint16)
    table[: _WHITE + 1] = _FIRST + np.concatenate([[0], np.cumsum(steps)])
    return table


_FIRST = 2
_STEPS = (
    "31111111111110111111111111111101111111111111110111111111111111011111111111111110111111111111"
    "11101111111111111111011111111111111101111111111110111111111111111112111111111211111121111211"
    "12111211121121121121121211212121121212121212122121221212212212212212221222122212222212222222"
    "12222222222222222222222232222222322222322232223222322322322322323232232323232323232332323233"
    "23323323323332333233323333323333333323333333333333333333433333333433334333343334334333433434"
    "33434334343434343434343443434434434434434443444344443444444344444444444444444444444444544444"
    "54444544454445445445445445454544545454545455454545545545545545554555455554555555455555555555"
    "55555555555555655555565555655565556556556556565565656565656565656566566565665666566656665666"
    "65666666665666666666666667666666667666676666766676676676676766767676767676767676776767767767"
    "77677767776777776777777777776777778777777777778777778777787778778778778778787877878787878878"
    "78788788788788788878888788888788888888888888888888888889888889888898889889889889889898988989"
    "88"
)
