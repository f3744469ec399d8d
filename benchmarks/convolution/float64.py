"""What all frameworks are checked against: NumPy in float64. A convolution is a sum of matrix products over the places of its
kernel; nothing here is fast."""

from __future__ import annotations

import itertools

import numpy as np

from . import rows


class Convolution:
    """Cross-correlation of any dimension and its two gradients, for x of shape (N, C, ...) and weight (K, C / groups, ...)."""

    def __init__(self, x_shape, kernel, stride=1, padding=0, dilation=1, groups=1):
        self.x_shape, self.kernel, self.stride, self.padding, self.dilation, self.groups = (
            x_shape, kernel, stride, padding, dilation, groups
        )  # fmt: skip
        self.sizes = [(n + 2 * padding - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x_shape[2:], kernel)]

    def padded(self, x, value=0.0):
        """``x`` with its border."""
        return np.pad(x, [(0, 0), (0, 0), *[(self.padding, self.padding)] * len(self.kernel)], constant_values=value)

    def places(self, padded):
        """Each place of the kernel, and what it sees of the padded image: a view (N, C, *sizes)."""
        for place in itertools.product(*map(range, self.kernel)):
            begins = [p * self.dilation for p in place]
            steps = [slice(b, b + (n - 1) * self.stride + 1, self.stride) for b, n in zip(begins, self.sizes)]
            yield (..., *place), padded[(slice(None), slice(None), *steps)]

    def flat(self, a):
        """(N, groups, channels of a group, pixels)"""
        return a.reshape(len(a), self.groups, -1, int(np.prod(self.sizes)))

    def grouped(self, weight):
        """(groups, K / groups, C / groups, ...)"""
        return weight.reshape(self.groups, -1, *weight.shape[1:])

    def forward(self, x, weight):
        """(N, K, ...)"""
        weight, out = self.grouped(weight), 0.0
        for place, seen in self.places(self.padded(x)):
            out = out + weight[place] @ self.flat(seen)
        return out.reshape(len(x), -1, *self.sizes)

    def input_gradient(self, g, weight):
        """Of sum(g * forward(x, weight)) in x."""
        weight, padded = self.grouped(weight), self.padded(np.zeros(self.x_shape))
        for place, seen in self.places(padded):
            seen += (weight[place].swapaxes(1, 2) @ self.flat(g)).reshape(seen.shape)
        return padded[(slice(None), slice(None), *[slice(self.padding, self.padding + n) for n in self.x_shape[2:]])]

    def weight_gradient(self, g, x):
        """Of sum(g * forward(x, weight)) in the weight."""
        gradient = np.zeros((self.groups, g.shape[1] // self.groups, x.shape[1] // self.groups, *self.kernel))
        for place, seen in self.places(self.padded(x)):
            gradient[place] = (self.flat(g) @ self.flat(seen).swapaxes(2, 3)).sum(0)
        return gradient.reshape(-1, *gradient.shape[2:])


def named(*results):
    """The output and the gradients, by name."""
    return dict(zip(("output", "input", "weight", "bias"), results))


def convolution(x, weight, bias, g, **options):
    """Output and gradients."""
    op = Convolution(x.shape, weight.shape[2:], **options)
    out = op.forward(x, weight) + bias.reshape(-1, *[1] * (x.ndim - 2))
    g = g(out.shape)
    return named(out, op.input_gradient(g, weight), op.weight_gradient(g, x), g.sum((0, *range(2, x.ndim))))


def transposed(x, weight, bias, g, stride, padding):
    """Output and gradients of the transposed convolution: the input gradient of a convolution, as a function of its g."""
    sizes = [(n - 1) * stride - 2 * padding + k for n, k in zip(x.shape[2:], weight.shape[2:])]
    op = Convolution((len(x), weight.shape[1], *sizes), weight.shape[2:], stride, padding)
    out = op.input_gradient(x, weight) + bias.reshape(-1, *[1] * (x.ndim - 2))
    g = g(out.shape)
    return named(out, op.forward(g, weight), op.weight_gradient(x, g), g.sum((0, 2, 3)))


def pool(x, g, kind, kernel_size, stride, padding=0):
    """Output and gradient of max or average pooling; of equal largest values the first one counts."""
    n, c, h, w = x.shape
    images = Convolution((n * c, 1, h, w), (kernel_size, kernel_size), stride, padding)
    padded = images.padded(x.reshape(images.x_shape), -np.inf)
    windows = np.stack([seen for _, seen in images.places(padded)])
    if kind == "max":
        out, share = windows.max(0), windows.argmax(0) == np.arange(len(windows)).reshape(-1, 1, 1, 1, 1)
    else:
        out, share = windows.mean(0), np.full(windows.shape, 1 / len(windows))
    out = out.reshape(n, c, *images.sizes)
    back, g = np.zeros(padded.shape), g(out.shape).reshape(n * c, 1, *images.sizes)
    for (_, seen), part in zip(images.places(back), share):
        seen += part * g
    return named(out, back[..., padding : padding + h, padding : padding + w].reshape(x.shape))


def batch_norm(x, weight, bias, g, eps=1e-5):
    """Output and gradients of batch normalisation in training."""
    each, column = (0, 2, 3), lambda v: v[:, None, None]
    centred = x - column(x.mean(each))
    scale = column((centred**2).mean(each) + eps) ** -0.5
    normal = centred * scale
    g = g(x.shape)
    back = g * column(weight)
    back = scale * (back - column(back.mean(each)) - normal * column((back * normal).mean(each)))
    out = normal * column(weight) + column(bias)
    return named(out, back, (g * normal).sum(each), g.sum(each))


def layer_norm(x, weight, bias, g, eps=1e-5):
    """Output and gradients of layer normalisation over the last dimension."""
    mean = lambda v: v.mean(-1, keepdims=True)
    centred, each = x - mean(x), tuple(range(x.ndim - 1))
    scale = (mean(centred**2) + eps) ** -0.5
    normal, g = centred * scale, g(x.shape)
    back = g * weight
    back = scale * (back - mean(back) - normal * mean(back * normal))
    return named(normal * weight + bias, back, (g * normal).sum(each), g.sum(each))


def local_response_norm(x, g, size, alpha=1e-4, beta=0.75, k=1.0):
    """Output and gradient of x / (k + alpha * mean of the squares of ``size`` neighbouring channels)**beta."""

    def around(values, before):
        padded = np.pad(values, [(0, 0), (before, size - 1 - before), (0, 0), (0, 0)])
        return np.sum([padded[:, i : i + x.shape[1]] for i in range(size)], axis=0)

    divisor = k + alpha / size * around(x**2, size // 2)
    g = g(x.shape)
    through = around(g * x * divisor ** (-beta - 1), size - 1 - size // 2)
    return named(x * divisor**-beta, g * divisor**-beta - 2 * alpha * beta / size * x * through)


def layer(row):
    """Name -> float64 array: the output of a row, and its gradients."""
    given = {name: array.astype(np.float64) for name, array in rows.arrays(row).items()}
    x, g = given.pop("input"), lambda shape: rows.cotangent(shape).astype(np.float64)
    if row.op == "conv_transpose2d":
        return transposed(x, **given, g=g, **row.options)
    if row.op.startswith("conv"):
        return convolution(x, **given, g=g, **row.options)
    if row.op == "adaptive_avg_pool2d":
        return pool(x, g, "avg", kernel_size=x.shape[-1], stride=1)
    if row.op.endswith("pool2d"):
        return pool(x, g, row.op[:3], **row.options)
    norms = {"batch_norm": batch_norm, "layer_norm": layer_norm, "local_response_norm": local_response_norm}
    return norms[row.op](x, **given, g=g, **row.options)


def _network_layer(kind, sizes, x, parameters):
    """The output of a layer, and a function from the output's cotangent to the input's and the gradients of the parameters."""
    if kind == "conv":
        op = Convolution(x.shape, parameters[0].shape[2:], padding=sizes[2])
        out = op.forward(x, parameters[0]) + parameters[1][:, None, None]
        return out, lambda g: (op.input_gradient(g, parameters[0]), op.weight_gradient(g, x), g.sum((0, 2, 3)))
    if kind == "linear":
        return x @ parameters[0].T + parameters[1], lambda g: (g @ parameters[0], g.T @ x, g.sum(0))
    if kind == "flatten":
        return x.reshape(len(x), -1), lambda g: (g.reshape(x.shape),)
    if kind == "relu":
        return np.maximum(x, 0), lambda g: (g * (x > 0),)
    if kind == "tanh":
        return np.tanh(x), lambda g: (g * (1 - np.tanh(x) ** 2),)
    backward = lambda g: (pool(x, lambda shape: g, kind[:3], sizes[0], sizes[0])["input"],)
    return pool(x, np.zeros, kind[:3], sizes[0], sizes[0])["output"], backward


def losses(network, steps):
    """The losses of the first training steps."""
    (x, target), result = rows.batch(network), []
    weights = iter([[array.astype(np.float64) for array in pair] for pair in rows.first_weights(network)])
    parameters = [next(weights) if shape is not None else () for shape in rows.shapes(network)]
    each = np.arange(len(x)), target
    for _ in range(steps):
        h, backwards = x.astype(np.float64), []
        for (kind, *sizes), own in zip(network.layers, parameters):
            h, backward = _network_layer(kind, sizes, h, own)
            backwards.append(backward)
        shifted = h - h.max(1, keepdims=True)
        total = np.exp(shifted).sum(1, keepdims=True)
        result.append(float(np.mean(np.log(total[:, 0]) - shifted[each])))
        g = np.exp(shifted) / total
        g[each] -= 1
        g /= len(x)
        for own, backward in zip(parameters[::-1], backwards[::-1]):
            g, *gradients = backward(g)
            for array, gradient in zip(own, gradients):
                array -= network.lr * gradient
    return result
