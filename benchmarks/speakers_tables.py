"""Shares with their confidence intervals, for the tables of `speakers.py`."""

import math

_Z = 1.959964  # of a normal distribution, for 95 %


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % confidence interval of a share (Wilson 1927, doi:10.2307/2276774)."""
    if count == 0:
        return 0.0, 1.0
    mean = right / count
    middle = mean + _Z**2 / (2 * count)
    half = _Z * math.sqrt(mean * (1 - mean) / count + _Z**2 / (4 * count**2))
    scale = 1 + _Z**2 / count
    return max((middle - half) / scale, 0.0), min((middle + half) / scale, 1.0)


def share(right: int, count: int) -> str:
    """Return a share in % with its interval, 22 characters wide."""
    if count == 0:
        return "none".rjust(22)
    low, high = wilson(right, count)
    return f"{right / count:6.1%} [{low:6.1%},{high:6.1%}]"
