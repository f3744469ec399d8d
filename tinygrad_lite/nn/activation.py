"""Activations as modules. Those with ``inplace`` take it as PyTorch's do; no Tensor changes in place."""

from __future__ import annotations

from .. import creation, ops
from .function import Function, InPlace
from .init import constant_
from .module import Module, Parameter

# -- of straight pieces ------------------------------------------------------------------------------------------


class ReLU(InPlace):
    """max(x, 0)."""

    def forward(self, x):
        return ops.relu(x)


class ReLU6(InPlace):
    """min(max(x, 0), 6) (Krizhevsky, 2010)."""

    def forward(self, x):
        return ops.relu6(x)


class LeakyReLU(Function):
    """x for x > 0, else negative_slope * x (Maas et al., 2013)."""

    def __init__(self, negative_slope=0.01, inplace=False):
        self.negative_slope = negative_slope

    def forward(self, x):
        return ops.leaky_relu(x, negative_slope=self.negative_slope)


class PReLU(Module):
    """x for x > 0, else weight * x (He et al., 2015): one slope, or one for each channel (dimension 1).

    weight  (num_parameters), ``init`` at first
    """

    def __init__(self, num_parameters=1, init=0.25, dtype=None):
        self.num_parameters, self.init = num_parameters, float(init)
        self.weight = Parameter(creation.full((num_parameters,), self.init, dtype=dtype))

    def reset_parameters(self):
        """The slopes of the start."""
        constant_(self.weight, self.init)

    def forward(self, x):
        return ops.prelu(x, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class RReLU(Function):
    """x for x > 0, else x times a slope: in training drawn from [lower, upper), else the mean of the two (Xu et al., 2015)."""

    def __init__(self, lower=1 / 8, upper=1 / 3, inplace=False):
        self.lower, self.upper = lower, upper

    def forward(self, x):
        return ops.rrelu(x, self.lower, self.upper, self.training)


class Hardtanh(Function):
    """x limited to [min_val, max_val]."""

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False):
        if min_val >= max_val:
            raise ValueError(f"Hardtanh: min_val {min_val} must be smaller than max_val {max_val}")
        self.min_val, self.max_val = min_val, max_val

    def forward(self, x):
        return ops.hardtanh(x, self.min_val, self.max_val)


class Hardsigmoid(InPlace):
    """min(max(x + 3, 0), 6) / 6."""

    def forward(self, x):
        return ops.hardsigmoid(x)


class Hardswish(InPlace):
    """x min(max(x + 3, 0), 6) / 6 (Howard et al., 2019)."""

    def forward(self, x):
        return ops.hardswish(x)


class Threshold(Function):
    """x for x > threshold, else ``value``."""

    def __init__(self, threshold, value, inplace=False):
        self.threshold, self.value = threshold, value

    def forward(self, x):
        return ops.threshold(x, self.threshold, self.value)


class Softshrink(Function):
    """x moved towards 0 by ``lambd``, and 0 for |x| <= lambd."""

    def __init__(self, lambd=0.5):
        self.lambd = lambd

    def forward(self, x):
        return ops.softshrink(x, self.lambd)


class Hardshrink(Function):
    """x, and 0 for |x| <= lambd."""

    def __init__(self, lambd=0.5):
        self.lambd = lambd

    def forward(self, x):
        return ops.hardshrink(x, self.lambd)


# -- smooth ------------------------------------------------------------------------------------------------------


class ELU(Function):
    """x for x > 0, else alpha * (e**x - 1) (Clevert et al., 2015)."""

    def __init__(self, alpha=1.0, inplace=False):
        self.alpha = alpha

    def forward(self, x):
        return ops.elu(x, self.alpha)


class CELU(Function):
    """x for x >= 0, else alpha * (e**(x / alpha) - 1) (Barron, 2017)."""

    def __init__(self, alpha=1.0, inplace=False):
        self.alpha = alpha

    def forward(self, x):
        return ops.celu(x, self.alpha)


class SELU(InPlace):
    """1.0507 * elu(x, 1.6733), which keeps mean 0 and variance 1 (Klambauer et al., 2017)."""

    def forward(self, x):
        return ops.selu(x)


class GELU(Function):
    """x times the standard normal distribution function of x (Hendrycks and Gimpel, 2016); "tanh" approximates it."""

    def __init__(self, approximate="none"):
        self.approximate = approximate

    def forward(self, x):
        return ops.gelu(x, self.approximate)


class SiLU(InPlace):
    """x times the logistic function of x (Elfwing et al., 2018)."""

    def forward(self, x):
        return ops.silu(x)


class Mish(InPlace):
    """x * tanh(softplus(x)) (Misra, 2019)."""

    def forward(self, x):
        return ops.mish(x)


class Softplus(Function):
    """log(1 + e**(beta x)) / beta; the line x itself where beta x > threshold."""

    def __init__(self, beta=1.0, threshold=20.0):
        self.beta, self.threshold = beta, threshold

    def forward(self, x):
        return ops.softplus(x, beta=self.beta, threshold=self.threshold)


class Softsign(Function):
    """x / (1 + |x|)."""

    def forward(self, x):
        return ops.softsign(x)


class Sigmoid(Function):
    """The logistic function 1 / (1 + e**-x)."""

    def forward(self, x):
        return ops.sigmoid(x)


class LogSigmoid(Function):
    """The logarithm of the logistic function."""

    def forward(self, x):
        return ops.logsigmoid(x)


class Tanh(Function):
    """Hyperbolic tangent."""

    def forward(self, x):
        return ops.tanh(x)


class Tanhshrink(Function):
    """x - tanh(x)."""

    def forward(self, x):
        return ops.tanhshrink(x)


# -- along a dimension -------------------------------------------------------------------------------------------


class Softmax(Function):
    """e**x / sum(e**x) along ``dim``."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, x):
        return ops.softmax(x, dim=self.dim)


class Softmin(Function):
    """`Softmax` of -x along ``dim``."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, x):
        return ops.softmin(x, self.dim)


class LogSoftmax(Function):
    """log(softmax(x)) along ``dim``."""

    def __init__(self, dim):
        self.dim = dim

    def forward(self, x):
        return ops.log_softmax(x, dim=self.dim)


class Softmax2d(Function):
    """`Softmax` over the channels of (batch, channels, height, width) or (channels, height, width)."""

    def forward(self, x):
        if x.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: x must be (batch, channels, height, width) or (channels, height, width), got {x.shape}")
        return ops.softmax(x, dim=-3)


class GLU(Function):
    """The first half of x along ``dim`` times the logistic function of the second (Dauphin et al., 2017)."""

    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x):
        return ops.glu(x, self.dim)
