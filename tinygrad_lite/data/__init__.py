"""Datasets and loaders."""

from .dataset import DataLoader, Dataset, TensorDataset
from .digits import load_digits
from .sunspots import load_sunspots, windows
