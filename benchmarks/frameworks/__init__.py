"""Each framework's way to write the rows. A module here gives

``chain(x, w)``                                the row of products, as a function ``step`` that returns the gradient of w
``training(row, x, target, layers)``           a training step, as a function ``step`` that returns the loss, a Python float
``threads()``                                  what the framework itself says about its threads

Nothing but `names` is imported here: a measuring process imports the frameworks that it was asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass

from .. import rows

OURS, CONTROL = "tinygrad_lite", "numpy"


@dataclass(frozen=True)
class Framework:
    """title: in the table; package: what must be installed; statement: what a user imports; module: the file that writes the rows
    in it, seen from benchmarks."""

    title: str
    package: str
    statement: str
    module: str

    def installed(self):
        """Whether the package can be imported."""
        return importlib.util.find_spec(self.package) is not None

    def load(self):
        """Import the framework and the module that writes the rows in it."""
        return importlib.import_module(f"..{self.module}", __name__)


FRAMEWORKS = {
    OURS: Framework("tinygrad_lite", "tinygrad_lite", "tinygrad_lite", "frameworks.ours"),
    "torch": Framework("PyTorch eager", "torch", "torch", "frameworks.pytorch_eager"),
    "jax": Framework("JAX jit", "jax", "jax, jax.numpy", "frameworks.jax_jit"),
    "mygrad": Framework("MyGrad", "mygrad", "mygrad", "frameworks.mygrad_eager"),
    "autograd": Framework("autograd", "autograd", "autograd, autograd.numpy", "frameworks.autograd_eager"),
    CONTROL: Framework("NumPy by hand", "numpy", "numpy", "frameworks.numpy_control"),
}
PEERS = [name for name in FRAMEWORKS if name not in (OURS, CONTROL)]


def build(module, row):
    """The ``step`` of ``row`` in the framework of ``module``, from the first weights."""
    if not row.sizes:
        return module.chain(*rows.chain_arrays())
    return module.training(row, *rows.batch(row), rows.first_weights(row))
