"""Weights in safetensors files: arrays by name, nothing that could run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from ..tensor import Tensor


def save(state, path):
    """Write arrays or Tensors by name (a ``state_dict``) to the safetensors file ``path``.

    The file appears whole or not at all: an interrupted save leaves the old one as it was.
    """
    from safetensors.numpy import save as to_bytes

    arrays = {}
    for name, value in state.items():
        array = value.data if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(f"save: {name} is {array.dtype}; only numbers and booleans can be saved")
        arrays[str(name)] = np.ascontiguousarray(array).reshape(array.shape)
    write_whole(path, to_bytes(arrays))


def write_whole(path, content: bytes):
    """Write ``content`` to ``path`` so that the file is the old one or the new one, never a part."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def load(path):
    """Name -> array of the safetensors file ``path``, for ``load_state_dict``."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    content = Path(path).read_bytes()
    try:
        return dict(from_bytes(content))
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"load: {path} is no whole safetensors file ({error})") from error
