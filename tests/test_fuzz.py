"""Files that are cut off, foreign or hostile: a ValueError that names the file or plain arrays, nothing executed, no memory taken
for what is only claimed."""

import gzip
import io as streams
import json
import pickle
import re
import struct
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest

from tinygrad_lite import io
from tinygrad_lite.data import read_idx

EXECUTING = {"pickle.find_class", "exec", "compile", "marshal.loads", "os.system", "os.exec", "subprocess.Popen", "ctypes.dlopen"}
happened, watching = [], False


def hook(event, arguments):
    if watching and event in EXECUTING:
        happened.append(event)


sys.addaudithook(hook)


class Payload:
    """What runs when it is unpickled."""

    def __init__(self, marker):
        self.marker = str(marker)

    def __reduce__(self):
        return open, (self.marker, "w")


ARRAYS = {
    "0.weight": np.arange(12, dtype=np.float32).reshape(3, 4), "0.bias": np.arange(4.0), "mask": np.array([True, False]),
    "steps": np.array(7), "half": np.ones((2, 1), np.float16), "none": np.zeros((0, 3), np.int8),
}  # fmt: skip


def npy(array):
    file = streams.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def zipped(members, method=zipfile.ZIP_STORED):
    file = streams.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in dict(members).items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return file.getvalue()


def idx(array, code):
    return (
        bytes([0, 0, code, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(f">{array.dtype.str[1:]}").tobytes()
    )


def originals(folder):
    """Name -> content of whole files of each kind."""
    for name in ("a.safetensors", "a.npz"):
        io.save(ARRAYS, folder / name, {"note": "of a run"})
    np.savez_compressed(folder / "packed.npz", **ARRAYS, large=np.zeros(5000))
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 4), np.uint8)
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return {
        **files,
        "images.idx": idx(images, 8),
        "images.gz": gzip.compress(idx(images, 8)),
        "floats.idx": idx(np.arange(6.0), 14),
    }


# -- mutations: (content, rng, marker) -> content --


def cut(content, rng, _):
    return content[: rng.integers(len(content))]


def flip(content, rng, _):
    changed = bytearray(content)
    for place in rng.integers(len(content), size=rng.integers(1, 5)):
        changed[place] ^= 1 << rng.integers(8)
    return bytes(changed)


def flip_in_front(content, rng, _):
    return flip(content[:64], rng, _) + content[64:]


def insert(content, rng, _):
    place = rng.integers(len(content) + 1)
    return content[:place] + rng.bytes(rng.integers(1, 20)) + content[place:]


def leave_out(content, rng, _):
    start = rng.integers(len(content))
    return content[:start] + content[start + rng.integers(1, 20) :]


def twice(content, rng, _):
    return content + content[rng.integers(len(content)) :]


def length_fields(content, rng, _):
    """An integer of 2 to 8 bytes becomes an extreme one: anywhere, or in the length of a header, a zip record or a dimension."""
    width = int(rng.choice([2, 4, 8]))
    records = [
        m.start() + o
        for m in re.finditer(rb"PK\x01\x02|PK\x03\x04|PK\x05\x06", content)
        for o in (8, 10, 14, 18, 20, 22, 24, 26, 42)
    ]
    place = int(rng.choice([0, 4, 8, 12, *records, rng.integers(len(content))]))
    number = int(rng.choice([0, 1, 2**8, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**62]))
    packed = (number % 2 ** (8 * width)).to_bytes(width, str(rng.choice(["little", "big"])))
    return content[:place] + packed + content[place + width :]


TOKENS = [
    b"F32", b"F64", b"BF16", b"C64", b"I8", b"BOOL", b"F8_E4M3", b"<f4", b"<f8", b"|O", b"<c16", b"<U9", b"<f16", b">i4", b"|b1",
    b"V8", b"(3, 4)", b"(-3, 4)", b"(99999999999999999999,)", b"(0, 9223372036854775807)", b"[3,4]", b"[0,48]", b"[]", b"[-1]",
    b"[18446744073709551615,0]", b"True", b"False", b"__import__('os').abort()", b"((((((((((", b"{{{{{{", b'"shape"', b"'shape'",
    b'"data_offsets"', b"__metadata__", b"null",
]  # fmt: skip


def header_edits(content, rng, _):
    """A word of a header becomes another one; the lengths that stand in the file are corrected for it."""
    found = [t for t in TOKENS if t in content]
    if not found or content[:2] == b"PK":
        return length_fields(content, rng, _)
    old, new = found[rng.integers(len(found))], TOKENS[rng.integers(len(TOKENS))]
    changed = content.replace(old, new, 1)
    if b'"dtype"' in content[:1000]:
        length = int.from_bytes(content[:8], "little") + len(new) - len(old)
        changed = max(length, 0).to_bytes(8, "little") + changed[8:]
    return changed


def other_members(content, rng, marker):
    """A zip archive that is whole, but holds a member of a changed header or name, a pickle, or another archive."""
    members = [(f"{name}.npy", npy(array)) for name, array in ARRAYS.items()]
    which, kind = rng.integers(len(members)), rng.integers(5)
    name, data = members[which]
    if kind == 0:
        old = rng.choice([b"'<f4'", b"'<f8'", b"(3, 4)", b"False", b"'shape'", b"NUMPY", b"(4,)", b"descr"])
        data = data.replace(old, TOKENS[rng.integers(len(TOKENS))])
    elif kind == 1:
        objects = np.array([Payload(marker), None], object)
        name, data = [(name, npy(objects)), ("evil.pkl", pickle.dumps(Payload(marker))), (name, pickle.dumps(Payload(marker)))][
            rng.integers(3)
        ]
    elif kind == 2:
        name = ["../../etc/passwd", "/a.npy", "a.zip", "", ".npy", "__metadata__.json", "b/c.npy/", members[0][0], "\u00e9.npy"][
            rng.integers(9)
        ]
    elif kind == 3:
        name, data = ["inner.npz", "inner.npy"][rng.integers(2)], zipped(members)
    else:
        data = flip(data, rng, marker)
    members[which] = name, data
    return zipped(members, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2][rng.integers(3)])


def pickled(content, rng, marker):
    return pickle.dumps(Payload(marker), protocol=int(rng.integers(6)))


MUTATIONS = [
    cut,
    flip,
    flip,
    flip_in_front,
    insert,
    leave_out,
    twice,
    length_fields,
    length_fields,
    header_edits,
    header_edits,
    other_members,
    pickled,
]


def try_file(path):
    """Whether the file at ``path`` was refused; nothing else may happen."""
    global watching
    packed = path.suffix in (".npz", ".gz")
    tracemalloc.start()
    watching = True
    try:
        loaded = io.load(path) if path.suffix in (".safetensors", ".npz") else {"": read_idx(path)}
    except ValueError as error:
        assert str(path) in str(error), error
        return True
    finally:
        watching = False
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 2**20 + 64 * path.stat().st_size * (20 if packed else 1)
    for array in loaded.values():
        assert array.dtype.kind in "biuf" and array.dtype.itemsize <= 8 and array.flags.writeable
    return False


def fuzz(folder, count, seed):
    """Load ``count`` mutated files; returns how many were refused."""
    rng, marker, files = np.random.default_rng(seed), folder / "executed", originals(folder)
    for name, content in files.items():
        (folder / name).write_bytes(content)
        assert not try_file(folder / name)
        (folder / f"cut {name}").write_bytes(content[: len(content) // 2])
        assert try_file(folder / f"cut {name}")
    happened.clear()  # what the first calls import
    kinds = [["a.safetensors"], ["a.npz", "packed.npz"], ["images.idx", "images.gz", "floats.idx"]]
    refused = 0
    for k in range(count):
        name = rng.choice(kinds[k % len(kinds)])
        mutation = MUTATIONS[rng.integers(len(MUTATIONS))]
        content = mutation(files[name], rng, marker)
        if rng.random() < 0.2:
            content = mutation(content or b"0", rng, marker)
        path = folder / f"fuzzed {name}"
        path.unlink(missing_ok=True)  # many times faster than writing into the old one
        path.write_bytes(content)
        refused += try_file(path)
        assert not happened and not marker.exists(), (k, mutation.__name__, happened)
    return refused


def test_mutated_files(tmp_path):
    assert 400 < fuzz(tmp_path, 800, seed=1) < 800


@pytest.mark.proof
def test_ten_thousand_mutated_files_of_each_kind(tmp_path):
    assert 15_000 < fuzz(tmp_path, 30_000, seed=2) < 30_000


def test_the_watch_sees_what_it_looks_for(tmp_path):
    global watching
    np.savez(tmp_path / "a.npz", a=np.array([Payload(tmp_path / "executed")], object))
    watching = True
    try:
        np.load(tmp_path / "a.npz", allow_pickle=True)["a"].item().close()
    finally:
        watching = False
    assert "pickle.find_class" in happened and (tmp_path / "executed").exists()
    happened.clear()
    tracemalloc.start()
    np.zeros(2**20)
    assert tracemalloc.get_traced_memory()[1] > 2**22
    tracemalloc.stop()


# -- one by one --


def with_header(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": offsets}}


def archive_that_claims(size):
    """A zip archive of one stored member whose records claim ``size`` bytes."""
    content = bytearray(zipped([("a.npy", npy(np.zeros(3)))]))
    for at in (18, 22, content.index(b"PK\1\2") + 20, content.index(b"PK\1\2") + 24):
        content[at : at + 4] = struct.pack("<I", size)
    return bytes(content)


def bomb():
    """A zip archive of half a megabyte whose deflated member claims 2**29 bytes, as it may."""
    content = bytearray(zipped([("a.npy", bytes(600_000))]))
    central = content.index(b"PK\1\2")
    for method, size in ((8, 22), (central + 10, central + 24)):
        content[method], content[size : size + 4] = 8, struct.pack("<I", 2**29)
    return bytes(content)


REFUSED = {
    "foreign dtype.safetensors": (with_header(entry("BF16", [4]), bytes(8)), "w is BF16; known are F64, F32"),
    "complex.safetensors": (with_header(entry("C64", [1]), bytes(8)), "w is C64"),
    "too large.safetensors": (with_header(entry(shape=[2**40], offsets=[0, 2**42]), bytes(8)), "safetensors file"),
    "header longer than the file.safetensors": ((2**40).to_bytes(8, "little") + b"{}", "safetensors file"),
    "dimensions.safetensors": (with_header(entry(shape=[1] * 69 + [2]), bytes(8)), "maximum"),
    "wrong size.safetensors": (with_header(entry(shape=[3]), bytes(8)), "safetensors file"),
    "deep.safetensors": (with_header(b"[" * 50_000), "safetensors file"),
    "not a boolean.safetensors": (with_header(entry("BOOL", [8]), bytes([2] * 8)), "w is boolean, but holds"),
    "objects.npz": (zipped([("w.npy", npy(np.array([{}, None], object)))]), "w is pickled objects, which are never loaded"),
    "strings.npz": (zipped([("w.npy", npy(np.array(["a"])))]), "w is <U1; known are floats and integers of at most 64 bits"),
    "records.npz": (zipped([("w.npy", npy(np.zeros(2, "f4,i4")))]), "w is \\[\\('f0', '<f4'\\)"),
    "complex.npz": (zipped([("w.npy", npy(np.zeros(2, complex)))]), "w is <c16"),
    "evaluated.npz": (zipped([("w.npy", npy(np.zeros(2)).replace(b"(2,), }", b"exit()}"))]), "the header of w is not that"),
    "cut member.npz": (zipped([("w.npy", npy(np.zeros(2))[:-3])]), r"w has 13 bytes, \(2,\) float64 takes 16"),
    "too large.npz": (zipped([("w.npy", npy(np.zeros(2)).replace(b"(2,), }    ", b"(%d,), }" % 10**4))]), "w has 16 bytes"),
    "twice.npz": (zipped([("u.npy", npy(np.zeros(2))), ("w.npy", b"")]).replace(b"u.npy", b"w.npy"), "w stands in it twice"),
    "nested.npz": (zipped([("inner.npz", zipped([]))]), "it holds 'inner.npz', which is no array"),
    "packed.npz": (zipped([("w.npy", npy(np.zeros(2)))], zipfile.ZIP_LZMA), "packed by method 14; known are 0"),
    "claims.npz": (archive_that_claims(2**31), "its members claim 2147483648 bytes, the file has"),
    "bomb.npz": (bomb(), "its members would expand from"),
    "metadata.npz": (zipped([("__metadata__.json", b"[1]")]), "the metadata are not strings by name"),
    "deep.npz": (zipped([("__metadata__.json", b"[" * 100_000)]), "nested too deep"),
    "empty.idx": (b"", "it begins with nothing"),
    "picture.idx": (b"\x89PNG" + bytes(30), "it begins with 89 50 4e 47, expected 00 00, then one of 08, 09, 0b, 0c, 0d, 0e"),
    "no such code.idx": (b"\0\0\x0a\1" + bytes(8), "it begins with 00 00 0a 01"),
    "sizes.idx": (b"\0\0\x08\3" + bytes(8), "it ends within its 3 sizes"),
    "claims.idx": (b"\0\0\x08\2" + b"\xff" * 8 + bytes(9), r"claims \(4294967295, 4294967295\) uint8, .* bytes; the file has 21"),
    "cut.idx": (idx(np.arange(40, dtype=np.int16), 11)[:-1], r"claims \(40,\) int16, 80 bytes, but 79 bytes follow"),
    "longer.idx": (idx(np.arange(40, dtype=np.int16), 11) + b"0", "80 bytes, but more follow"),
    "cut.gz": (gzip.compress(idx(np.arange(40.0), 14))[:-9], "read_idx: .*cut.gz is no whole IDX file"),
    "checksum.gz": (gzip.compress(idx(np.arange(40.0), 14))[:-8] + bytes(8), "CRC check failed"),
    "dimensions.idx": (b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"1", "maximum"),
    "claims.gz": (gzip.compress(b"\0\0\x08\1" + (2**30).to_bytes(4, "big")), "1073741824 bytes; the file has"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "what"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(content, what, request, tmp_path):
    path = tmp_path / request.node.callspec.id
    path.write_bytes(content)
    assert try_file(path)
    with pytest.raises(ValueError, match=what):
        (io.load if path.suffix in (".safetensors", ".npz") else read_idx)(path)
