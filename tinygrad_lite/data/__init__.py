"""Datasets and loaders; what is drawn or made, in files of their own."""

from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .digits import load_digits
from .idx import load_mnist, read_idx
from .loader import DataLoader, collate
from .series import autoregression, backtest
from .sunspots import load_sunspots, windows
