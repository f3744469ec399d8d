"""One neuron by Hebb's or by Oja's rule. The two inner loops, over the inputs of the neuron, are vectorised."""

from __future__ import annotations

from ..jit import kernel


@kernel(fastmath={"reassoc", "contract", "nsz"})
def hebbian_loop(weight, x, epsilon, oja):
    """`hebbian_epoch`."""
    zero, rate = weight.dtype.type(0), weight.dtype.type(epsilon)
    for i in range(x.shape[0]):
        row, y = x[i], zero
        for j in range(row.size):
            y += weight[j] * row[j]
        step, decay = rate * y, rate * y * y if oja else zero
        for j in range(row.size):
            weight[j] += step * row[j] - decay * weight[j]


def hebbian_epoch_twin(weight, x, epsilon, oja):
    """The same by NumPy."""
    for row in x:
        y = weight @ row
        weight += (epsilon * y * (row - y * weight if oja else row)).astype(weight.dtype)


def hebbian_epoch(weight, x, epsilon, oja):
    """For each row of ``x`` in turn, with y = w·x: w += epsilon y x, or epsilon y (x - y w) if ``oja``; in place.
    Both are C-contiguous."""
    (hebbian_loop if weight.itemsize >= 4 else hebbian_epoch_twin)(weight, x, float(epsilon), bool(oja))
