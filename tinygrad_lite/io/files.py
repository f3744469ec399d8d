"""Arrays by name in one file, whose ending says its format: ``.safetensors`` or ``.npz``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from ..dtypes import check_dtype
from ..tensor import Tensor
from . import npz, safetensors

FORMATS = {".safetensors": safetensors, ".npz": npz}


def save(state, path, metadata=None):
    """Write arrays or Tensors by name (a ``state_dict``) to ``path``, which ends in ``.safetensors`` or ``.npz``.

    metadata  name -> string, kept beside the arrays

    The file appears whole or not at all: an interrupted save leaves the old one as it was.
    """
    form, arrays = _format(path, "save"), {}
    if not hasattr(state, "items"):
        raise TypeError(f"save: expected arrays by name (a state_dict), got {type(state).__name__}")
    for name, value in state.items():
        array = value.data if isinstance(value, Tensor) else np.asarray(value)
        try:
            dtype = check_dtype(array.dtype)
        except TypeError as error:
            raise TypeError(f"save: {name} is {array.dtype}; only numbers of at most 64 bits and booleans can be saved") from error
        if not isinstance(name, str):
            raise TypeError(f"save: names are strings, got {name!r}")
        if "\0" in name:
            raise ValueError(f"save: {name!r} has a zero character, at which an archive would cut it off: take another name")
        arrays[name] = np.ascontiguousarray(array, dtype).reshape(array.shape)
    metadata = dict(metadata or {})
    for name, value in metadata.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"save: metadata are strings by name, got {name!r}: {value!r}")
    if form.METADATA in arrays:
        raise ValueError(f"save: the name {form.METADATA} is taken by the format: give that array another one")
    write_whole(path, form.encode(arrays, metadata))


def load(path):
    """Name -> array of the file ``path``, for ``load_state_dict``.

    Raises a ValueError that names the file if it is cut off, of another kind, or holds anything but plain arrays of numbers.
    """
    return read(path)[0]


def load_metadata(path):
    """Name -> string of the metadata that `save` put into the file ``path``."""
    return read(path)[1]


def read(path):
    """(arrays by name, metadata by name) of the file ``path``."""
    form, content = _format(path, "load"), Path(path).read_bytes()
    try:
        return form.decode(content)
    except form.WRONG as error:
        raise ValueError(f"load: {path} is no whole {form.NAME} file of arrays ({error})") from error


def _format(path, what):
    form = FORMATS.get(Path(path).suffix)
    if form is None:
        raise ValueError(f"{what}: the name of the file must end in {' or '.join(FORMATS)}, got {str(path)!r}")
    return form


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
