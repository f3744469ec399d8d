"""tinygrad_lite: one graph of primitive ops, to differentiate, to draw, to compile. ``import tinygrad_lite as tl``."""

from . import ops
from .creation import *
from .creation import __all__ as _creation
from .dtypes import (
    bool_,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    set_default_dtype,
    uint8,
)  # fmt: skip
from .gradcheck import GradcheckError, gradcheck
from .graph import backward, grad
from .kernels.convolution import set_precision as set_convolution_precision
from .kernels.threads import get_num_threads, set_num_threads
from .ops import *
from .ops.random import get_rng_state, manual_seed, set_rng_state
from .state import detect_anomaly, enable_grad, is_grad_enabled, no_grad, scope
from .tensor import Tensor
from .transforms import checkpoint, hessian, hvp, jacobian, jvp, vjp

__version__ = "0.1.0"

_SUBMODULES = ("data", "io", "nn", "optim", "training", "viz", "zoo")


def __getattr__(name):
    """Submodules are imported when they are first used, so that ``import tinygrad_lite`` stays fast."""
    if name in _SUBMODULES:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_SUBMODULES])
