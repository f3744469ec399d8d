"""Autoencoders: networks that give back what they get, through a code that must not be a copy.

The code is small (under-complete; deep: Hinton and Salakhutdinov, 2006), or something else keeps it from copying: a penalty on
what is active (sparse), inputs that are spoilt (denoising; Vincent et al., 2008), a penalty on how much the code moves with the
input (contractive; Rifai et al., 2011). A penalty is called as penalty(encoder, x, code), a corruption as corrupt(x).
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from .. import nn, ops
from ..graph import grad
from ..ops import penalties
from ..ops.random import generator
from ..state import enable_grad, is_grad_enabled, no_grad
from ..tensor import Tensor
from .mlp import layer_sizes

MNIST_SIZES = (784, 1000, 500, 250, 30)  # of Hinton and Salakhutdinov, 2006
DIGITS_SIZES = (64, 128, 64, 10)  # for images of 8x8


class Autoencoder(nn.Module):
    """y = decoder(h), h = encoder(x), trained by `loss`.

    encoder, decoder  modules: (batch, ...) -> (batch, code) -> (batch, ...)
    penalty           added to the error: `L1`, `KL`, `Contraction`, `ContractionEstimate`, or None
    corrupt           what spoils the input in training: `Masking`, `SaltAndPepper`, `Gaussian`, or None
    """

    def __init__(self, encoder, decoder, penalty=None, corrupt=None):
        self.encoder, self.decoder, self.penalty, self.corrupt = encoder, decoder, penalty, corrupt

    def forward(self, x):
        """What comes back, of the shape of ``x``."""
        return self.decoder(self.encoder(x))

    def loss(self, x):
        """The mean over the batch of 1/2 |y - x|^2, with y from the spoilt ``x``, and the penalty."""
        if x.ndim < 2 or not len(x):
            raise ValueError(f"Autoencoder.loss: x must be (batch, ...), with at least one row, got {tuple(x.shape)}")
        seen = x if self.corrupt is None else self.corrupt(x)
        code = self.encoder(seen)
        error = 0.5 * ops.sum(ops.square(self.decoder(code) - x)) / len(x)
        return error if self.penalty is None else error + self.penalty(self.encoder, seen, code)


def _rows(where, name, x):
    """``x`` as an array (rows, ...) that is finite and not empty; a Tensor may be given."""
    x = _array(x)
    if x.ndim < 2 or not len(x) or not np.isfinite(x).all():
        what = "must be (rows, ...)" if x.ndim < 2 else "holds NaN or infinity" if len(x) else "has no rows"
        raise ValueError(f"{where}: {name} {x.shape} {what}")
    return x


def train_epoch(model, x, optimizer, batch_size=100):
    """One pass over the rows of the array ``x`` in random order, a step of ``optimizer`` for each batch: the mean loss."""
    x = _rows("train_epoch", "x", x)
    if not isinstance(batch_size, (int, np.integer)) or batch_size < 1:
        raise ValueError(f"train_epoch: batch_size must be an integer, 1 or more, got {batch_size}")
    order, total = generator().permutation(len(x)), 0.0
    for start in range(0, len(x), batch_size):
        batch = Tensor(x[order[start : start + batch_size]])
        optimizer.zero_grad()
        value = model.loss(batch)
        total += value.item() * len(batch)
        if not np.isfinite(total):
            raise ValueError("train_epoch: the loss is not finite: lower the rate; codes under KL lie between 0 and 1 (nn.Sigmoid)")
        value.backward()
        optimizer.step()
    return total / len(x)


def reconstruction_error(model, x, given=None):
    """The mean over the rows of the array ``x`` of |y - x|^2; with ``given`` the model sees that instead of ``x``."""
    x = _rows("reconstruction_error", "x", x)
    given = x if given is None else _rows("reconstruction_error", "given", given)
    with no_grad():
        y = model(Tensor(given)).data
    if y.shape != x.shape:
        raise ValueError(f"reconstruction_error: what comes back is {y.shape}, x is {x.shape}: they must agree")
    return float(np.square(y - x, dtype=np.float64).sum() / len(x))


# -- kinds -------------------------------------------------------------------------------------------------------------


def _stack(sizes, unit, last):
    layers = []
    for m, n in pairwise(sizes):
        layers += [nn.Linear(m, n), unit()]
        nn.init.xavier_uniform_(layers[-2].weight)  # PyTorch's own start shrinks what passes three times a layer
        nn.init.zeros_(layers[-2].bias)
    return nn.Sequential(*layers[:-1], *([last()] if last else []))


def autoencoder(sizes, unit=nn.Sigmoid, code=None, output=None, **options):
    """Layers of ``sizes`` down to the code, and their mirror image back: `Autoencoder` of (batch, sizes[0]). A single linear layer
    finds the subspace of principal components (Baldi and Hornik, 1989).

    sizes    units of each layer, the input first and the code last: `MNIST_SIZES`, `DIGITS_SIZES`; (64, 10) is one layer, and a
             code of more than sizes[0] units is over-complete
    unit     class of the units between input and code, and between code and output
    code     of the code, output of the output: None is linear
    options  penalty, corrupt of `Autoencoder`
    """
    sizes = layer_sizes("autoencoder", sizes)
    return Autoencoder(_stack(sizes, unit, code), _stack(sizes[::-1], unit, output), **options)


class Transposed(nn.Module):
    """y = h W + b: back through the weight of a `nn.Linear`, with a bias of its own.

    layer  the `nn.Linear` whose weight W (code, features) it shares
    bias   (features), 0 at first
    """

    def __init__(self, layer):
        self.layer, self.bias = layer, nn.Parameter(np.zeros(layer.in_features, layer.weight.dtype))

    def forward(self, h):
        """(batch, code) -> (batch, features)."""
        return ops.matmul(h, self.layer.weight) + self.bias


def tied(sizes, unit=nn.Sigmoid, code=None, output=None, **options):
    """`autoencoder` whose decoder has the transposed weights of its encoder (Vincent et al., 2010): half as many."""
    model = autoencoder(sizes, unit, code, output, **options)
    up = iter([layer for layer in model.encoder if isinstance(layer, nn.Linear)][::-1])
    model.decoder = nn.Sequential(*(Transposed(next(up)) if isinstance(m, nn.Linear) else m for m in model.decoder))
    return model


class _Image(nn.Module):
    def __init__(self, *shape):
        self.shape = shape

    def forward(self, x):
        return ops.reshape(x, len(x), *self.shape)


def convolutional(image, channels, code, **options):
    """Convolutions of stride 2 down to the code, transposed ones back: `Autoencoder` of (batch, *image) (Masci et al., 2011).

    image     (channels, height, width); height and width divide by 2 once for each of ``channels``
    channels  of the hidden layers
    code      units of the code, which are linear
    options   penalty, corrupt of `Autoencoder`
    """
    shrink = 2 ** len(channels)
    if np.shape(image) != (3,) or not len(channels):
        raise ValueError(f"convolutional: image must be (channels, height, width), channels not empty, got {image}, {channels}")
    if image[1] % shrink or image[2] % shrink:
        raise ValueError(f"convolutional: height and width must divide by {shrink}, 2 for each of channels, got image {image}")
    last = (channels[-1], image[1] // shrink, image[2] // shrink)
    size, down, up = int(np.prod(last)), [], []
    for m, n in zip((image[0], *channels), channels):
        down += [nn.Conv2d(m, n, 3, stride=2, padding=1), nn.ReLU()]
        up = [nn.ReLU(), nn.ConvTranspose2d(n, m, 4, stride=2, padding=1), *up]
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(size, code))
    return Autoencoder(encoder, nn.Sequential(nn.Linear(code, size), _Image(*last), *up), **options)


# -- penalties ---------------------------------------------------------------------------------------------------------


class _Penalty:
    def __init__(self, weight):
        if not weight >= 0:
            raise ValueError(f"{type(self).__name__}: weight must not be negative, got {weight}")
        self.weight = weight


class L1(_Penalty):
    """weight * the mean over the batch of sum_i |h_i|: few units are active (Olshausen and Field, 1996)."""

    def __call__(self, encoder, x, code):
        """A scalar."""
        return self.weight * ops.sum(ops.abs(code)) / len(code)


class KL(_Penalty):
    """weight * sum_i KL(rho || r_i) = rho log(rho/r_i) + (1 - rho) log((1 - rho)/(1 - r_i)) with r_i the mean of unit i over the
    batch (Lee et al., 2008; Ng, 2011). For codes between 0 and 1.

    rho  how active a unit shall be on average, between 0 and 1
    """

    def __init__(self, weight, rho=0.05):
        if not 0 < rho < 1:
            raise ValueError(f"KL: rho must lie between 0 and 1, got {rho}")
        super().__init__(weight)
        self.rho = rho

    def __call__(self, encoder, x, code):
        """A scalar."""
        rho, mean = self.rho, ops.mean(code, 0)
        constant = rho * np.log(rho) + (1 - rho) * np.log(1 - rho)
        return self.weight * ops.sum(constant - rho * ops.log(mean) - (1 - rho) * ops.log1p(-mean))


class Contraction(_Penalty):
    """weight * the mean over the batch of sum_i |grad_x h_i|^2 of a code h = logistic(W x + b) of one layer, in closed form
    (Rifai et al., 2011)::

        sum_i (h_i (1 - h_i))^2 |W_i|^2
    """

    def __call__(self, encoder, x, code):
        """A scalar; the encoder is `nn.Linear` and `nn.Sigmoid`."""
        layers = list(encoder) if isinstance(encoder, nn.Sequential) else [encoder]
        if [type(layer) for layer in layers] != [nn.Linear, nn.Sigmoid]:
            kinds = ", ".join(type(layer).__name__ for layer in layers)
            raise ValueError(f"Contraction: the encoder must be Linear, Sigmoid, got {kinds}; for it there is ContractionEstimate")
        return penalties.logistic_contraction(code, layers[0].weight) * (self.weight / len(code))


class ContractionEstimate(_Penalty):
    """weight * an unbiased estimate of the mean over the batch of sum_i |grad_x h_i|^2, for any encoder that treats examples
    apart: |v^T J|^2 with random signs v, whose expectation is |J|^2 (Hutchinson, 1990). It is differentiated twice.

    projections  how many v are drawn; the variance falls with their number
    """

    def __init__(self, weight, projections=1):
        if not isinstance(projections, (int, np.integer)) or projections < 1:
            raise ValueError(f"ContractionEstimate: projections must be an integer, 1 or more, got {projections}")
        super().__init__(weight)
        self.projections = projections

    def __call__(self, encoder, x, code):
        """A scalar."""
        x, total, record = _array(x), 0.0, is_grad_enabled()
        with enable_grad():
            leaf = Tensor(x, requires_grad=True)
            h = encoder(leaf)
            for _ in range(self.projections):
                signs = 2.0 * generator().integers(0, 2, h.shape) - 1.0
                (g,) = grad(h, [leaf], Tensor(signs.astype(h.dtype)), create_graph=record, retain_graph=True)
                total = total + ops.sum(ops.square(g))
        return total * (self.weight / (self.projections * len(x)))


# -- corruptions -------------------------------------------------------------------------------------------------------


def _array(x):
    return x.data if isinstance(x, Tensor) else np.asarray(x)


class Masking:
    """Each element is 0 with probability ``p``."""

    def __init__(self, p):
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must be a probability, 0 to 1, got {p}")
        self.p = p

    def __call__(self, x):
        """A Tensor of the shape of ``x``."""
        x = _array(x)
        return Tensor(np.where(generator().random(x.shape) < self.p, x.dtype.type(0), x))


class SaltAndPepper(Masking):
    """Each element is with probability ``p`` either 0 or 1, by a fair coin."""

    def __call__(self, x):
        """A Tensor of the shape of ``x``."""
        x = _array(x)
        drawn = generator().random(x.shape)
        return Tensor(np.where(drawn < self.p, (drawn < self.p / 2).astype(x.dtype), x))


class Gaussian:
    """Normal noise of standard deviation ``sigma`` is added."""

    def __init__(self, sigma):
        if not sigma >= 0:
            raise ValueError(f"Gaussian: sigma must not be negative, got {sigma}")
        self.sigma = sigma

    def __call__(self, x):
        """A Tensor of the shape of ``x``."""
        x = _array(x)
        return Tensor(x + (self.sigma * generator().standard_normal(x.shape)).astype(x.dtype))


# -- what they are measured against ------------------------------------------------------------------------------------


def principal_components(x, n):
    """(mean, components) of the rows of the array ``x``: (features) and (n, features), orthonormal, that of the largest variance
    first (Pearson, 1901). The code is h = (x - mean) components^T, what comes back mean + h components."""
    x = np.asarray(x)
    if x.ndim != 2 or not isinstance(n, (int, np.integer)) or not 0 < n <= min(x.shape) or not np.isfinite(x).all():
        raise ValueError(f"principal_components: x must be finite, (rows, features), n from 1 to the fewer; got {x.shape}, n = {n}")
    mean = x.mean(0)
    return mean, np.linalg.svd(x - mean, full_matrices=False)[2][:n]
