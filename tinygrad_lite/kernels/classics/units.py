"""The sums of threshold units whose inputs are mostly 0, or few: of the weights from each input, which stand together, only those
from inputs that are not 0 are added, four at a time. The inner loops, along the units, are vectorised; the sums of an example stay
in the first cache until they are compared. Threads share the examples."""

from __future__ import annotations

import numpy as np

from ..jit import kernel, share
from ..pool import empty

WORK = 1  # tenths of a nanosecond for a weight that is added; a tenth of them are
SPARSE, FEW = 1 / 16, 32  # the share of inputs that are not 0, and the number of inputs, up to which BLAS takes longer ...
MANY = 64  # ... for so many units, which make up for looking at every input
SAMPLE = 64  # examples that are looked at to tell


@kernel(parallel=True, hires=False, fastmath={"contract"})
def unit_loop(thread, n_threads, weight, x, threshold, out):
    """The sums of the units; compared with their thresholds, where there are any."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in share(x.shape[0], thread, n_threads):
        sums, given, used, count, k = out[i], x[i], np.empty(x.shape[1], np.int64), 0, 0
        for s in range(given.size):
            used[count] = s
            count += given[s] != zero
        sums[:] = zero
        while k + 4 <= count:
            a, b, c, d = used[k], used[k + 1], used[k + 2], used[k + 3]
            from_a, from_b, from_c, from_d = weight[a], weight[b], weight[c], weight[d]
            x_a, x_b, x_c, x_d = given[a], given[b], given[c], given[d]
            for r in range(sums.size):
                sums[r] += x_a * from_a[r] + x_b * from_b[r] + x_c * from_c[r] + x_d * from_d[r]
            k += 4
        while k < count:
            row, value = weight[used[k]], given[used[k]]
            for r in range(sums.size):
                sums[r] += value * row[r]
            k += 1
        for r in range(threshold.size):
            sums[r] = one if sums[r] >= threshold[r] else zero


def unit_sums(weight, x):
    """Σ_s x_s weight_sr: (n, units), for each row of ``x`` (n, k), with ``weight`` (k, units), by the loop or by BLAS."""
    return _sums(weight, x, np.empty(0, x.dtype))


def threshold_units(weight, x, threshold):
    """1 where the sum of a unit is at least its threshold, else 0: (n, units)."""
    return _sums(weight, x, threshold)


def _sums(weight, x, threshold):
    inputs, units = weight.shape
    some = x[:: max(1, len(x) // SAMPLE)]
    if weight.itemsize < 4 or units < MANY or (inputs > FEW and np.count_nonzero(some) > SPARSE * some.size):
        sums = x @ weight
        return np.greater_equal(sums, threshold, out=sums, casting="unsafe") if threshold.size else sums
    out = empty((len(x), units), weight.dtype)
    unit_loop.run(WORK * x.size * units // 10, np.ascontiguousarray(weight), np.ascontiguousarray(x), threshold, out)
    return out
