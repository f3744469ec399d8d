"""Yearly sunspot numbers, the oldest real time series of its kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def load_sunspots():
    """The yearly mean sunspot numbers of 1700 to 2008: int64 years (309), float32 numbers (309).

    The source stands at the head of sunspots.txt beside this file. Yule (1927) predicted them by their two last values.
    """
    years, numbers = [], []
    for line in Path(__file__).with_name("sunspots.txt").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            first, *values = line.split()
            years += range(int(first), int(first) + len(values))
            numbers += map(float, values)
    return np.array(years), np.array(numbers, np.float32)


def windows(series, length):
    """Examples for predicting a series (n): inputs (n - length, 1, length) and the values that follow, (n - length, 1).

    Row i holds ``series[i : i + length]`` and ``series[i + length]``. For `zoo.SeriesCNN`.
    """
    series = np.asarray(series)
    if series.ndim != 1 or not 0 < length < len(series):
        raise ValueError(
            f"windows: expected one dimension and a length of 1 to that of the series less 1, got {series.shape}, {length}"
        )
    rows = np.lib.stride_tricks.sliding_window_view(series, length)[:-1]
    return rows[:, None].copy(), series[length:, None].copy()
