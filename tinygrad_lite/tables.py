"""Tables as text and as HTML, numbers as a reader wants them, and the HTML of an array. Knows nothing of Tensors."""

from __future__ import annotations

import numpy as np

# Colours are the page's own, so that light and dark themes both show them; only lines and shades are given, half transparent.
_CELL = "padding:2px 10px;border-bottom:1px solid rgba(128,128,128,0.3);white-space:pre"


class Table:
    """Rows of texts under headers.

    title    a line above it
    headers  the text above each column; a column whose header begins with ``<`` stands left, the others right
    rows     lists of texts, one for each column
    notes    lines below it
    """

    def __init__(self, title, headers, rows, notes=()):
        self.title, self.rows, self.notes = title, [[str(cell) for cell in row] for row in rows], list(notes)
        self.headers, self.left = [h.removeprefix("<") for h in headers], [h.startswith("<") for h in headers]

    def __str__(self):
        widths = [max(map(len, column)) for column in zip(self.headers, *self.rows)]

        def line(cells):
            padded = [c.ljust(w) if left else c.rjust(w) for c, w, left in zip(cells, widths, self.left)]
            return "  ".join(padded).rstrip()

        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        return "\n".join([self.title, rule, line(self.headers), rule, *map(line, self.rows), rule, *self.notes])

    def html(self):
        """The table as HTML."""

        def cells(tag, texts):
            sides = ["left" if left else "right" for left in self.left]
            return "".join(f'<{tag} style="text-align:{s};{_CELL}">{escape(t)}</{tag}>' for t, s in zip(texts, sides))

        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in self.rows)
        notes = "".join(f"<div>{escape(note)}</div>" for note in self.notes)
        head = f"<thead><tr>{cells('th', self.headers)}</tr></thead>"
        table = f'<table style="border-collapse:collapse;background:none">{head}<tbody>{body}</tbody></table>'
        return f"<div><div><strong>{escape(self.title)}</strong></div>{table}{notes}</div>"


def escape(text):
    """``text`` as HTML shows it."""
    import html

    return html.escape(str(text))


def count(n):
    """``1,234,567`` up to ten millions, then ``12.3 M``, ``1.23 G``."""
    if abs(n) < 10_000_000:
        return f"{n:,}"
    power = 2 if abs(n) < 1e9 else 3 if abs(n) < 1e12 else 4
    return f"{n / 1000**power:.3g} {' KMGT'[power]}"


def size(n_bytes):
    """Bytes: ``512 B``, ``1.5 kB``, ``3.1 MB``."""
    if n_bytes < 1000:
        return f"{n_bytes:,} B"
    power = 1 if n_bytes < 1e6 else 2 if n_bytes < 1e9 else 3
    return f"{n_bytes / 1000**power:.3g} {' kMG'[power]}B"


def duration(seconds):
    """``1.234 ms``; three decimals, so that columns can be compared."""
    return f"{seconds * 1e3:,.3f} ms"


_ROWS, _COLUMNS = 12, 16  # up to which an array is shown element by element, with shades


def array_html(array, title):
    """An array under ``title``: a small one of one or two dimensions as a grid, shaded by magnitude (red above 0, blue below)."""
    head = f"<div><strong>{escape(title)}</strong></div>"
    shape = array.shape if array.ndim == 2 else (1, *array.shape)
    if array.dtype.kind == "f" and array.ndim in (1, 2) and array.size and shape[0] <= _ROWS and shape[1] <= _COLUMNS:
        largest = np.abs(array[np.isfinite(array)]).max(initial=0.0)
        rows = "".join(f"<tr>{''.join(_shaded(v, largest) for v in row)}</tr>" for row in array.reshape(shape).tolist())
        return f'<div>{head}<table style="border-collapse:collapse;background:none"><tbody>{rows}</tbody></table></div>'
    text = np.array2string(array, separator=", ", threshold=200)
    return f'<div>{head}<pre style="background:none;color:inherit">{escape(text)}</pre></div>'


def _shaded(value, largest):
    strength = min(abs(value) / largest, 1.0) if largest and np.isfinite(value) else 0.0
    colour = "220,60,40" if value > 0 else "40,90,220"
    style = f"text-align:right;padding:2px 8px;background:rgba({colour},{0.45 * strength:.2f})"
    return f'<td style="{style}">{escape(f"{value:.4g}")}</td>'


def tree_html(label, branches):
    """A tree that opens and closes: a text, and the HTML of each branch."""
    if not branches:
        return f"<div>{escape(label)}</div>"
    inside = "".join(f'<div style="margin-left:1.5em">{branch}</div>' for branch in branches)
    return f"<details open><summary>{escape(label)}</summary>{inside}</details>"
