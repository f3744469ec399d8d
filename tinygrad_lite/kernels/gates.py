"""The gates of recurrent cells and their gradients in one pass over memory. Imported when an op first asks for it: `functions`
imports Numba.

Arrays are (rows, gates * units), contiguous, the parts of a row one after the other; the loop over the units of a row is
vectorised. A row has many parts, each behind a pointer of its own; to compare them all before each row costs a fifth of the
backward, so `apart` promises that what is written overlaps nothing else. The backward computes the gates again from their
sums: that costs less than a tenth of the products around it, and less than to fetch the gates from beyond the cache. Threads
share the rows.
"""

from __future__ import annotations

import math

import numpy as np

from .functions import OPTIONS, apart, full_width, njit, sigmoid, tanh
from .jit import kernel, share
from .pool import empty_like

# -- LSTM ----------------------------------------------------------------------------------------------------------


@njit(**OPTIONS)
def lstm_row(sums, c, new_h, new_c):
    """One row of `lstm`."""
    full_width()
    apart()
    n = c.size
    i, f, g, o = sums[:n], sums[n : 2 * n], sums[2 * n : 3 * n], sums[3 * n :]
    for j in range(n):
        s = sigmoid(f[j]) * c[j] + sigmoid(i[j]) * tanh(g[j])
        new_c[j] = s
        new_h[j] = sigmoid(o[j]) * tanh(s)


@kernel(parallel=True, hires=False)
def lstm_loop(thread, n_threads, sums, c, new_h, new_c):
    """`lstm` on matrices."""
    for row in share(c.shape[0], thread, n_threads):
        lstm_row(sums[row], c[row], new_h[row], new_c[row])


@njit(**OPTIONS)
def lstm_backward_row(g_h, g_c, sums, c, to_sums, to_c):
    """One row of `lstm_backward`."""
    full_width()
    apart()
    n, one = c.size, c.dtype.type(1)
    i, f, g, o = sums[:n], sums[n : 2 * n], sums[2 * n : 3 * n], sums[3 * n :]
    to_i, to_f, to_g, to_o = to_sums[:n], to_sums[n : 2 * n], to_sums[2 * n : 3 * n], to_sums[3 * n :]
    for j in range(n):
        take, keep, new, show = sigmoid(i[j]), sigmoid(f[j]), tanh(g[j]), sigmoid(o[j])
        t = tanh(keep * c[j] + take * new)
        s = g_h[j] * show * (one - t * t) + g_c[j]
        to_i[j] = s * new * take * (one - take)
        to_f[j] = s * c[j] * keep * (one - keep)
        to_g[j] = s * take * (one - new * new)
        to_o[j] = g_h[j] * t * show * (one - show)
        to_c[j] = s * keep


@kernel(parallel=True, hires=False)
def lstm_backward_loop(thread, n_threads, g_h, g_c, sums, c, to_sums, to_c):
    """`lstm_backward` on matrices."""
    for row in share(c.shape[0], thread, n_threads):
        lstm_backward_row(g_h[row], g_c[row], sums[row], c[row], to_sums[row], to_c[row])


# -- GRU -----------------------------------------------------------------------------------------------------------


@njit(**OPTIONS)
def gru_row(p, q, h, new_h):
    """One row of `gru`."""
    full_width()
    apart()
    n, one = h.size, h.dtype.type(1)
    pr, pz, pn, qr, qz, qn = p[:n], p[n : 2 * n], p[2 * n :], q[:n], q[n : 2 * n], q[2 * n :]
    for j in range(n):
        z = sigmoid(pz[j] + qz[j])
        new_h[j] = (one - z) * tanh(pn[j] + sigmoid(pr[j] + qr[j]) * qn[j]) + z * h[j]


@kernel(parallel=True, hires=False)
def gru_loop(thread, n_threads, p, q, h, new_h):
    """`gru` on matrices."""
    for row in share(h.shape[0], thread, n_threads):
        gru_row(p[row], q[row], h[row], new_h[row])


@njit(**OPTIONS)
def gru_backward_row(g, p, q, h, g_p, g_q, g_h):
    """One row of `gru_backward`."""
    full_width()
    apart()
    n, one = h.size, h.dtype.type(1)
    pr, pz, pn, qr, qz, qn = p[:n], p[n : 2 * n], p[2 * n :], q[:n], q[n : 2 * n], q[2 * n :]
    to_pr, to_pz, to_pn, to_qr, to_qz, to_qn = g_p[:n], g_p[n : 2 * n], g_p[2 * n :], g_q[:n], g_q[n : 2 * n], g_q[2 * n :]
    for j in range(n):
        r, z = sigmoid(pr[j] + qr[j]), sigmoid(pz[j] + qz[j])
        u = tanh(pn[j] + r * qn[j])
        to_n = g[j] * (one - z) * (one - u * u)
        to_r, to_z = to_n * qn[j] * r * (one - r), g[j] * (h[j] - u) * z * (one - z)
        to_pr[j], to_pz[j], to_pn[j] = to_r, to_z, to_n
        to_qr[j], to_qz[j], to_qn[j] = to_r, to_z, to_n * r
        g_h[j] = g[j] * z


@kernel(parallel=True, hires=False)
def gru_backward_loop(thread, n_threads, g, p, q, h, g_p, g_q, g_h):
    """`gru_backward` on matrices."""
    for row in share(h.shape[0], thread, n_threads):
        gru_backward_row(g[row], p[row], q[row], h[row], g_p[row], g_q[row], g_h[row])


# -- arrays of any layout --------------------------------------------------------------------------------------------


def _rows(x):
    """(..., features) as a contiguous matrix."""
    return (x if x.flags.carray else np.array(x, order="C")).reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _applied(loop, work, arrays, *like):
    """``loop`` on ``arrays`` (..., features) of one dtype; it fills new ones like each of ``like``.

    work  tenths of a nanosecond for an element of the first of these
    """
    outs = [empty_like(a) for a in like]
    rows = [a if a.ndim == 2 and a.flags.carray else _rows(a) for a in (*arrays, *outs)]
    loop.run(work * like[0].size, *rows)
    return outs


def lstm(sums, c):
    """c' = sigmoid(f) c + sigmoid(i) tanh(g), h' = sigmoid(o) tanh(c') for the four parts i, f, g, o of ``sums``: [h', c']."""
    return _applied(lstm_loop, 20, (sums, c), c, c)


def lstm_backward(g_h, g_c, sums, c):
    """The gradients of `lstm`."""
    return _applied(lstm_backward_loop, 6, (g_h, g_c, sums, c), sums, c)


def gru(p, q, h):
    """r, z, n = the parts; r = sigmoid(p_r + q_r), z likewise; h' = (1 - z) tanh(p_n + r q_n) + z h: [h']."""
    return _applied(gru_loop, 15, (p, q, h), h)


def gru_backward(g, p, q, h):
    """Gradients of `gru` towards p, q and h."""
    return _applied(gru_backward_loop, 8, (g, p, q, h), p, q, h)
