"""Learning rules that go through their examples one after the other, and so are loops: of one neuron by Hebb's and Oja's rule, of
perceptrons, of Willshaw's memory; and Hopfield's network, whose units change one at a time. Each loop has its plain NumPy text as
twin, but for sums of units, which are a product of matrices."""

from .hebbian import hebbian_epoch, hebbian_epoch_twin
from .hopfield import hopfield_sweep, hopfield_sweep_twin, hopfield_together, hopfield_together_twin
from .perceptron import perceptron_epoch, perceptron_epoch_twin
from .units import threshold_units, unit_sums
from .willshaw import willshaw_store, willshaw_store_twin
