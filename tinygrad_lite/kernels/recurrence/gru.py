"""The loops of gated recurrent units over time; arrays as in `lstm`. Imported only when one runs: it imports Numba.

Of the four gates that are kept the first three are r, z and n; the fourth is m = U_n h + b_hn, which r multiplies behind the
product, or (``early``, the original form) r * h (of a state with a mask, of what that leaves), which goes into the product.
"""

from __future__ import annotations

import numpy as np

from ..functions import OPTIONS, apart, full_width, njit, sigmoid, tanh
from ..jit import kernel, share
from ..vector import at, pointer
from .panels import add_rows, add_terms, cut, masked, masked_back, running, states_at
from .tile import flush_subnormals, restore_subnormals


@njit(**OPTIONS)
def step(r, z, n, m, before, after):
    """The gates, in place, of what the products gave, and the new state."""
    full_width()
    apart()
    for j in range(r.size):
        r[j], z[j] = sigmoid(r[j]), sigmoid(z[j])
        n[j] = tanh(n[j] + r[j] * m[j])
        after[j] = n[j] + z[j] * (before[j] - n[j])


@njit(**OPTIONS)
def step_back(given, dh, r, z, n, m, before, dr, dz, dn, dm, direct):
    """The cotangents of what the gates were made of, and what goes to the last state directly."""
    full_width()
    apart()
    for j in range(r.size):
        h = dh[j] + direct[j] + given[j]
        inner = h * (1 - z[j]) * (1 - n[j] * n[j])
        dz[j] = h * (before[j] - n[j]) * z[j] * (1 - z[j])
        dr[j] = inner * m[j] * r[j] * (1 - r[j])
        dn[j] = inner
        dm[j] = inner * r[j]
        direct[j] = h * z[j]


@njit(**OPTIONS)
def reset(r, z, before, kept):
    """The first two gates, and what the reset keeps of the last state."""
    full_width()
    apart()
    for j in range(r.size):
        r[j], z[j] = sigmoid(r[j]), sigmoid(z[j])
        kept[j] = r[j] * before[j]


@njit(**OPTIONS)
def propose(z, n, before, after):
    """The third gate and the new state."""
    full_width()
    apart()
    for j in range(z.size):
        n[j] = tanh(n[j])
        after[j] = n[j] + z[j] * (before[j] - n[j])


@njit(**OPTIONS)
def propose_back(given, dh, z, n, before, dz, dn, direct):
    """The cotangents of what z and n were made of, and what goes to the last state directly."""
    full_width()
    apart()
    for j in range(z.size):
        h = dh[j] + direct[j] + given[j]
        dn[j] = h * (1 - z[j]) * (1 - n[j] * n[j])
        dz[j] = h * (before[j] - n[j]) * z[j] * (1 - z[j])
        direct[j] = h * z[j]


@njit(**OPTIONS)
def reset_back(kept, r, before, dr, direct):
    """The cotangent of what r was made of, from that of what the reset kept."""
    full_width()
    apart()
    for j in range(r.size):
        dr[j] = kept[j] * before[j] * r[j] * (1 - r[j])
        direct[j] += kept[j] * r[j]


@njit(**OPTIONS)
def reset_mask_back(r, before, mask, kept, d_mask):
    """``kept``, the cotangent of r * (before * mask), becomes that of r * before; that of the mask is added to ``d_mask``."""
    full_width()
    apart()
    for j in range(r.size):
        d_mask[j] += kept[j] * r[j] * before[j]
        kept[j] *= mask[j]


@kernel(parallel=True)
def forward(thread, n_threads, x, projected, units, hidden, gates, packed, mask, bounds, lengths, reverse, early):
    """Fill ``hidden`` and ``gates`` behind the slot of the first state; the gates may have but one slot. If the input
    is ``projected``, its part of the gates is there already."""
    steps, batch, features = x.shape
    room, kept = hidden.shape[1] // batch, len(gates) // 4
    for group in share(bounds.size - 1, thread, n_threads):
        first, last = bounds[group], bounds[group + 1]
        control = flush_subnormals()
        for s in range(steps):
            t = steps - 1 - s if reverse else s
            running_now, before, after = running(lengths, first, last, t), t + reverse, t + 1 - reverse
            begin, end, slot = first * room, (first + running_now) * room, t % kept
            size = kept * batch * room
            inputs, states = at(pointer(x), (t * batch + first) * features), states_at(hidden, before, mask, begin)
            out, weights = at(pointer(gates), slot * batch * room + begin), pointer(packed)
            if projected:
                for k in range(2):
                    weights = add_terms(
                        running_now, states, room, units, states, 0, 0, weights, room, True, at(out, k * size), room
                    )
            else:
                for k in range(2):
                    weights = add_terms(
                        running_now, inputs, features, features, states, room, units, weights, room, False, at(out, k * size), room
                    )
                weights = add_terms(
                    running_now, inputs, features, features, states, 0, 0, weights, room, False, at(out, 2 * size), room
                )
            r, z = cut(gates, slot, begin, end), cut(gates, kept + slot, begin, end)
            n, m = cut(gates, 2 * kept + slot, begin, end), cut(gates, 3 * kept + slot, begin, end)
            if early:
                reset(r, z, cut(mask, 1, begin, end) if len(mask) else cut(hidden, before, begin, end), m)
                add_terms(running_now, at(out, 3 * size), room, units, out, 0, 0, weights, room, True, at(out, 2 * size), room)
                propose(z, n, cut(hidden, before, begin, end), cut(hidden, after, begin, end))
            else:
                add_terms(running_now, states, room, units, out, 0, 0, weights, room, False, at(out, 3 * size), room)
                step(r, z, n, m, cut(hidden, before, begin, end), cut(hidden, after, begin, end))
            if len(mask):
                masked(cut(hidden, after, begin, end), cut(mask, 0, begin, end), cut(mask, 1, begin, end))
        restore_subnormals(control)


@kernel(parallel=True)
def backward(
    thread, n_threads, g, hidden, gates, packed, inputs, mask, bounds, lengths, reverse, early, dh, direct, dz, dx, sums
):  # fmt: skip
    """As `lstm.backward`; the cotangent of a state is ``dh`` + ``direct`` (batch * room)."""
    steps, room = g.shape[0], sums.shape[2]
    batch, width = g.shape[1] // room, dx.shape[2]
    for group in share(bounds.size - 1, thread, n_threads):
        first, last = bounds[group], bounds[group + 1]
        control, part = flush_subnormals(), np.empty(room, g.dtype)
        for s in range(steps):
            t = s if reverse else steps - 1 - s
            running_now, slot = running(lengths, first, last, t), t + reverse
            begin, end, size = first * room, (first + running_now) * room, steps * batch * room
            of_r, to = at(pointer(dz), t * batch * room + begin), at(pointer(dh), begin)
            of_z, of_n, of_m = at(of_r, size), at(of_r, 2 * size), at(of_r, 3 * size)
            r, z = cut(gates, t, begin, end), cut(gates, steps + t, begin, end)
            n, m = cut(gates, 2 * steps + t, begin, end), cut(gates, 3 * steps + t, begin, end)
            dr, d_z = cut(dz, t, begin, end), cut(dz, steps + t, begin, end)
            dn, dm = cut(dz, 2 * steps + t, begin, end), cut(dz, 3 * steps + t, begin, end)
            given, before = cut(g, t, begin, end), cut(hidden, slot, begin, end)
            carried, past = dh[begin:end], direct[begin:end]
            if early:
                propose_back(given, carried, z, n, before, d_z, dn, past)
                weights = add_terms(running_now, of_n, room, room, of_n, 0, 0, pointer(packed), room, False, to, room)
                if len(mask):
                    reset_mask_back(r, before, cut(mask, 0, begin, end), carried, cut(mask, 1, begin, end))
                reset_back(carried, r, before, dr, past)
                add_terms(running_now, of_r, room, room, of_z, room, room, weights, room, False, to, room)
            else:
                step_back(given, carried, r, z, n, m, before, dr, d_z, dn, dm, past)
                weights = add_terms(running_now, of_r, room, room, of_z, room, room, pointer(packed), room, False, to, room)
                add_terms(running_now, of_m, room, room, of_m, 0, 0, weights, room, True, to, room)
                add_rows(dm, part, sums[group, 3])
            if len(mask):
                masked_back(before, cut(mask, 0, begin, end), carried, cut(mask, 1, begin, end))
            for k in range(3):
                add_rows(cut(dz, k * steps + t, begin, end), part, sums[group, k])
            if dx.shape[0]:
                to = at(pointer(dx), (t * batch + first) * width)
                more = add_terms(running_now, of_r, room, room, of_z, room, room, pointer(inputs), width, False, to, width)
                add_terms(running_now, of_n, room, room, of_n, 0, 0, more, width, True, to, width)
        restore_subnormals(control)
