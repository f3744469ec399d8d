"""IDX files, the format of MNIST (LeCun et al., 1998): plain or packed by gzip, which is seen by the content.

Two zero bytes, one that names the dtype, one with the number of dimensions, the sizes as big-endian 32-bit integers, the values in
big-endian order with the last index running fastest.
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path

import numpy as np

DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
EXPANDED = 2**28  # bytes that a packed file may hold in any case; beyond that,
EXPANSION = 20  # so many times its length


def read_idx(path):
    """The array in the IDX file ``path``, in this machine's byte order.

    Raises a ValueError that names the file if it is cut off, too long or of another kind; no more memory is taken than is there.
    """
    content = Path(path).read_bytes()
    packed = content[:2] == b"\x1f\x8b"
    stream = gzip.GzipFile(fileobj=io.BytesIO(content)) if packed else io.BytesIO(content)
    try:
        dtype, shape = _header(stream)
        size = math.prod(shape) * dtype.itemsize
        if size > (max(EXPANDED, EXPANSION * len(content)) if packed else len(content)):
            raise ValueError(f"its header claims {shape} {dtype.name}, {size} bytes; the file has {len(content)}")
        values = bytearray()  # grows with what is there; to read all at once would take what is claimed
        while len(values) <= size and (piece := stream.read(2**16)):  # the end of a gzip stream is where its checksum is looked at
            values += piece
        if len(values) != size:
            found = "more" if len(values) > size else f"{len(values)} bytes"
            raise ValueError(f"its header claims {shape} {dtype.name}, {size} bytes, but {found} follow")
        return np.frombuffer(values, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    except (ValueError, OverflowError, EOFError, OSError, zlib.error) as error:
        raise ValueError(f"read_idx: {path} is no whole IDX file ({error})") from error


def _header(stream):
    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in DTYPES:
        known = ", ".join(f"{code:02x}" for code in DTYPES)
        raise ValueError(f"it begins with {head.hex(' ') or 'nothing'}, expected 00 00, then one of {known}")
    sizes = stream.read(4 * head[3])
    if len(sizes) < 4 * head[3]:
        raise ValueError(f"it ends within its {head[3]} sizes")
    return np.dtype(DTYPES[head[2]]), tuple(int(n) for n in np.frombuffer(sizes, ">u4"))


def load_mnist(folder, part=None):
    """MNIST or a data set of its form (Fashion-MNIST, EMNIST), from the four IDX files in ``folder``, packed by gzip or not.

    Returns (images, labels), (images, labels) for training and test: float32 (n, height, width) in [0, 1], int64 (n).
    ``part`` "train" or "test" reads and returns only that one.
    """
    prefixes = {"train": "train", "test": "t10k"}
    if part is not None and part not in prefixes:
        raise ValueError(f"load_mnist: part must be 'train', 'test' or None for both, got {part!r}")
    parts = [_images_and_labels(Path(folder), prefixes[p]) for p in ([part] if part else prefixes)]
    return parts[0] if part else tuple(parts)


def _images_and_labels(folder, prefix):
    names = (f"{prefix}-images", "idx3-ubyte"), (f"{prefix}-labels", "idx1-ubyte")
    images, labels = (read_idx(_find(folder, *name)) for name in names)
    if images.ndim != 3 or labels.shape != images.shape[:1] or not images.dtype == labels.dtype == np.uint8:
        raise ValueError(
            f"load_mnist: expected bytes (n, height, width) and (n) in {folder}, got {prefix}-images {images.shape} {images.dtype} "
            f"and {prefix}-labels {labels.shape} {labels.dtype}"
        )
    return np.divide(images, 255, dtype=np.float32), labels.astype(np.int64)


def _find(folder, name, ending):
    names = [f"{name}{dot}{ending}{packed}" for dot in "-." for packed in ("", ".gz")]
    for candidate in names:
        if (folder / candidate).is_file():
            return folder / candidate
    raise FileNotFoundError(f"load_mnist: {folder} has no {names[0]}, packed (.gz) or not")
