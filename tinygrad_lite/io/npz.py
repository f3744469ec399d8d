"""NumPy's npz format: a zip archive with one .npy member for each array. Pickled members are refused, never read.

The headers are matched by one pattern: nothing of a file is evaluated, and what it claims is compared with its length before memory
is taken.
"""

from __future__ import annotations

import io
import json
import re
import struct
import zlib

import numpy as np

from .arrays import from_bytes

NAME, METADATA = "npz", "__metadata__"
WRONG = (ValueError, OverflowError, RuntimeError, LookupError, EOFError, OSError, struct.error, zlib.error)
HEADER = re.compile(
    rb"\{'descr': '?(.{1,200}?)'?, 'fortran_order': (True|False), 'shape': \(((?:\d{1,20}, ?)*(?:\d{1,20})?)\),? ?\} *\n"
)
DTYPE = re.compile(rb"[<>|=]?(?:b1|[iu][1248]|f[248])")
EXPANDED = 2**28  # bytes that the members may have together in any case; beyond that,
EXPANSION = 20  # so many times the bytes of the file


def encode(arrays, metadata):
    """The bytes of a file of contiguous ``arrays`` and ``metadata``, both by name; `numpy.load` reads it too."""
    import zipfile

    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), member.getbuffer())
        if metadata:
            archive.writestr(zipfile.ZipInfo(f"{METADATA}.json"), json.dumps(metadata))
    return file.getvalue()


def decode(content):
    """(arrays, metadata) by name of the bytes of a file; one of `WRONG` where they are no whole file of plain arrays."""
    import zipfile

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check_sizes(members, len(content))
            return _decoded(archive, members)
    except zipfile.BadZipFile as error:
        raise ValueError(error) from error


def _check_sizes(members, length):
    packed, expanded = sum(m.compress_size for m in members), sum(m.file_size for m in members)
    if packed > length:
        raise ValueError(f"its members claim {packed} bytes, the file has {length}")
    if expanded > max(EXPANDED, EXPANSION * length):
        raise ValueError(f"its members would expand from {length} to {expanded} bytes")
    for member in members:
        if member.compress_type not in (0, 8):
            raise ValueError(f"{member.filename} is packed by method {member.compress_type}; known are 0 (stored) and 8 (deflated)")
        most = 1032 if member.compress_type else 1  # no deflated byte gives more
        if member.file_size > most * member.compress_size:
            raise ValueError(f"{member.filename} claims {member.file_size} bytes packed into {member.compress_size}")


def _decoded(archive, members):
    arrays, metadata = {}, {}
    for member in members:
        name, ending = member.filename[:-4], member.filename[-4:]
        if ending != ".npy" and member.filename != f"{METADATA}.json":
            raise ValueError(f"it holds {member.filename!r}, which is no array")
        with archive.open(member) as stream:
            data = stream.read(member.file_size)
        if len(data) != member.file_size:
            raise ValueError(f"{member.filename} has {len(data)} bytes, {member.file_size} were claimed")
        if ending != ".npy":
            metadata = _strings(data)
        elif name in arrays:
            raise ValueError(f"{name} stands in it twice")
        else:
            arrays[name] = _array(name, data)
    return arrays, metadata


def _strings(data):
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise ValueError("the metadata are nested too deep") from error
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise ValueError("the metadata are not strings by name")
    return found


def _array(name, data):
    """The array of a .npy member: the magic, two bytes of version, the length of the header, the header, the values."""
    wide = 2 if data[6:8] == b"\1\0" else 4
    if data[:6] != b"\x93NUMPY" or data[6:8] not in (b"\1\0", b"\2\0", b"\3\0"):
        raise ValueError(f"{name} does not begin as an array of NumPy")
    start = 8 + wide + int.from_bytes(data[8 : 8 + wide], "little")
    header = data[8 + wide : start]
    match = HEADER.fullmatch(header)
    if match is None:
        raise ValueError(f"the header of {name} is not that of an array of numbers: {bytes(header[:80])!r}")
    if DTYPE.fullmatch(match[1]) is None:
        what = "pickled objects, which are never loaded" if match[1] == b"|O" else match[1].decode("ascii", "replace")
        raise ValueError(f"{name} is {what}; known are floats and integers of at most 64 bits and booleans")
    dtype = np.dtype(match[1].decode())
    shape = tuple(int(n) for n in match[3].replace(b" ", b"").split(b",") if n)
    return from_bytes(name, memoryview(data)[start:], dtype, shape, "F" if match[2] == b"True" else "C")
