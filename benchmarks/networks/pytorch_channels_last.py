"""The rows in PyTorch, eager mode, images and modules in the layout channels_last, which some of its kernels prefer."""

from __future__ import annotations

from functools import partial

import torch

from . import pytorch
from .pytorch import threads  # noqa: F401

layer = partial(pytorch.layer, memory_format=torch.channels_last)
training = partial(pytorch.training, memory_format=torch.channels_last)
