"""The safetensors format: a header in JSON, then the bytes of the arrays."""

from __future__ import annotations

import json

import numpy as np

from .arrays import from_bytes

NAME, METADATA, WRONG = "safetensors", "__metadata__", (ValueError, OverflowError)
DTYPES = {
    "F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U64": "u8", "U32": "u4", "U16": "u2",
    "U8": "u1", "BOOL": "?",
}  # fmt: skip


def encode(arrays, metadata):
    """The bytes of a file of contiguous ``arrays`` and ``metadata``, both by name."""
    from safetensors.numpy import save

    return save(arrays, metadata or None)


def decode(content):
    """(arrays, metadata) by name of the bytes of a file; one of `WRONG` where they are no whole file."""
    from safetensors import SafetensorError, deserialize

    try:
        entries = dict(deserialize(content))  # it checks the header against the length and every array against its place
    except SafetensorError as error:
        raise ValueError(error) from error
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata, arrays = header.pop(METADATA, None) or {}, {}
    for name in header:
        entry = entries[name]
        if entry["dtype"] not in DTYPES:
            raise ValueError(f"{name} is {entry['dtype']}; known are {', '.join(DTYPES)}")
        dtype = np.dtype("<" + DTYPES[entry["dtype"]])
        arrays[name] = from_bytes(name, entry["data"], dtype, tuple(entry["shape"]))
    return arrays, metadata
