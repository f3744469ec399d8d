"""Forecasts of a series, judged as they would have been made."""

from __future__ import annotations

import itertools

import numpy as np

from .sunspots import windows


def autoregression(rows, following):
    """The line by which the following value depends on a window (Yule, 1927), by least squares: a function of windows
    (n, window) that gives the values that follow (n). ``rows`` (k, window) and ``following`` (k, 1) are what it learns from."""
    weights = np.linalg.lstsq(np.column_stack([rows, np.ones(len(rows))]), following, rcond=None)[0]
    return lambda w: (w @ weights[:-1] + weights[-1])[:, 0]


def backtest(series, fit, window, ends, ahead=1, there=None, back=None):
    """(forecasts (n, ahead), errors (ahead)) of ``series[ends[0]:ends[-1]]``, in each row those of its value and the next ones.

    For every end but the last, ``fit`` learns from what stands before it and forecasts from each value behind it until the next
    end: it has learned up to that end, is told of all values before the forecast, and goes on by its own answers. The errors are
    roots of mean squared errors; of ``series[ends[-1]:]`` nothing is looked at.

    fit          fit(rows (k, window), following (k, 1)) -> a function, windows (n, window) -> following values (n)
    there, back  what is applied to the values before and to the forecasts after, such as a root and a square; the mean of what
                 was learned from is taken off in between
    """
    series, made = np.asarray(series), []
    if len(ends) < 2 or not window < ends[0] or ends[-1] > len(series) or min(np.diff(ends)) < 1:
        raise ValueError(f"backtest: ends must grow from above the window, {window}, up to {len(series)}, got {tuple(ends)}")
    values = series[: ends[-1]] if there is None else there(series[: ends[-1]])
    for end, stop in itertools.pairwise(ends):
        centre = values[:end].mean()
        rows, following = windows(values - centre, window)
        next_values = fit(rows[: end - window, 0], following[: end - window])
        made_here = rows[end - window : stop - window, 0]
        for _ in range(ahead):
            made_here = np.column_stack([made_here, next_values(made_here[:, -window:])])
        made.append(made_here[:, -ahead:] + centre)
    made = np.concatenate(made) if back is None else back(np.concatenate(made))
    came = np.append(series[ends[0] : ends[-1]].astype(float), [np.nan] * (ahead - 1))
    errors = made - np.lib.stride_tricks.sliding_window_view(came, ahead)
    return made, np.sqrt(np.nanmean(errors**2, 0))
