"""Datasets and loaders."""

from .dataset import ConcatDataset, Dataset, Subset, TensorDataset, random_split
from .digits import load_digits
from .idx import load_mnist, read_idx
from .loader import DataLoader, collate
