"""Dates in the forms that people write, and in ISO 8601."""

from __future__ import annotations

import datetime

from ..ops.random import generator

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
FORMS = (
    "{day} {month} {year}", "{day} {short} {year}", "{month} {day}, {year}",
    "{short} {day}, {year}", "{weekday}, {month} {day}, {year}", "{weekday} {day} {month} {year}",
    "{ordinal} of {month} {year}", "{month} the {ordinal}, {year}", "{day}.{number}.{year}",
    "{day}/{number}/{year}", "{day}. {month} {two}", "the {ordinal} of {short} '{two}",
    "{year}, {day} {month}",
)  # fmt: skip
FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)  # two digits of a year tell which


def ordinal(n):
    """1st, 2nd, 3rd, 4th, 11th, 21st, ..."""
    return f"{n}{'th' if 10 <= n % 100 <= 20 else {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th')}"


def written(date, form):
    """``date`` in the words of ``form``, one of FORMS."""
    month = MONTHS[date.month - 1]
    return form.format(
        day=date.day, month=month, short=month[:3], number=date.month, year=date.year, two=f"{date.year % 100:02d}",
        ordinal=ordinal(date.day), weekday=DAYS[date.weekday()],
    )  # fmt: skip


def random_dates(n, held_out=False, rng=None):
    """``n`` pairs (as written, "2021-03-05"): a date from 1950 to 2049 in one of FORMS. Every fifth day is drawn only if
    ``held_out``, and the others only if not."""
    rng, pairs = rng or generator(), []
    while len(pairs) < n:
        day = int(rng.integers(FIRST.toordinal(), LAST.toordinal() + 1))
        if (day % 5 == 0) == held_out:
            date = datetime.date.fromordinal(day)
            pairs.append((written(date, FORMS[rng.integers(len(FORMS))]), date.isoformat()))
    return pairs
