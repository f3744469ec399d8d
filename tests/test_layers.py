"""The layers: imports go down only, importing is light and silent, everything public says what it is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_lite

ROOT = Path(tinygrad_lite.__file__).parent
LAYERS = [  # from the bottom up
    "kernels", "dtypes", "state", "errors", "tables", "record", "primitive", "graph", "ops", "tensor", "creation", "numpy_calls",
    "transforms", "gradcheck", "linalg", "nn", "optim", "zoo", "data", "io", "inspection", "viz", "compiler", "training", "gallery",
    "warmup", "doctor", "__main__", "__init__",
]  # fmt: skip
FILES = sorted(ROOT.rglob("*.py"))
NAMES = [str(f.relative_to(ROOT)) for f in FILES]
EACH_FILE = pytest.mark.parametrize("path", FILES, ids=NAMES)


def layer(parts):
    """The layer of a module given by its path below the package."""
    return (parts or ("__init__",))[0]


def module_parts(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts


def exists(parts):
    return ROOT.joinpath(*parts).is_dir() or ROOT.joinpath(*parts).with_suffix(".py").is_file()


def module_level_imports(path):
    """Modules of the package that ``path`` imports when it is imported, as parts below the package; and foreign ones."""
    package = path.relative_to(ROOT).parts[:-1]
    stack, own, foreign = list(ast.parse(path.read_text()).body), set(), set()
    while stack:
        node = stack.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            for name in node.names:
                head, *rest = name.name.split(".")
                (own.add(tuple(rest)) if head == "tinygrad_lite" else foreign.add(head))
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = package[: len(package) - node.level + 1]
            elif node.module.split(".")[0] == "tinygrad_lite":
                base = ()
            else:
                foreign.add(node.module.split(".")[0])
                continue
            module = tuple(node.module.split(".")) if node.module else ()
            base += module[1:] if not node.level else module
            for name in node.names:
                own.add((*base, name.name) if exists((*base, name.name)) else base)
        else:
            stack.extend(ast.iter_child_nodes(node))
    return own, foreign


def test_the_parser_sees_every_form_of_import():
    own, foreign = module_level_imports(ROOT / "ops" / "update.py")
    assert ("kernels",) in own and ("primitive",) in own and "numpy" in foreign
    assert ("ops", "random") in module_level_imports(ROOT / "creation.py")[0]


@EACH_FILE
def test_imports_go_down_only(path):
    here = layer(module_parts(path))
    assert here in LAYERS, f"{here} has no place in the order of layers"
    for parts in module_level_imports(path)[0]:
        there = layer(parts)
        if there == here:
            assert here not in ("__init__", "__main__"), f"{path.name} imports the package as a whole"
            continue
        assert there in LAYERS
        assert LAYERS.index(there) < LAYERS.index(here), f"{path.relative_to(ROOT)} imports {'.'.join(parts)}, a higher layer"
        assert (here, there) != ("nn", "kernels"), f"{path.relative_to(ROOT)}: nn is built from ops only"


@EACH_FILE
def test_kernels_know_nothing_of_the_package(path):
    if layer(module_parts(path)) == "kernels":
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level < len(path.relative_to(ROOT).parts), f"{path.name} imports from outside of kernels"
            elif isinstance(node, (ast.ImportFrom, ast.Import)):
                assert "tinygrad_lite" not in ast.unparse(node)


# of kernels: imported when a kernel first runs
COMPILED = {"vector.py", "lanes.py", "transforms.py", "functions.py", "tile.py", "panels.py"}


@EACH_FILE
def test_heavy_packages_are_imported_where_they_are_used(path):
    allowed = set(sys.stdlib_module_names) | {"numpy"} | ({"numba", "llvmlite"} if path.name in COMPILED else set())
    assert module_level_imports(path)[1] <= allowed


@EACH_FILE
def test_everything_public_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{path.relative_to(ROOT)} has no module docstring"
    missing = [
        node.name
        for node in tree.body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_") and not ast.get_docstring(node)
        and not any("kernel" in ast.unparse(d) for d in node.decorator_list)  # loops of a documented function beside them
    ]  # fmt: skip
    assert not missing, f"{path.relative_to(ROOT)}: no docstring on {', '.join(missing)}"


HEAVY = ("numba", "scipy", "torch", "matplotlib", "sklearn", "safetensors", "graphviz", "tqdm")
IMPORT = f"""
import sys
before = set(sys.modules)
import tinygrad_lite as tl
heavy = [m for m in {HEAVY!r} if m in sys.modules]
assert not heavy, heavy
x = tl.tensor([[1.0, 2.0]], requires_grad=True)
(x * 2.0 + x[0]).sum().backward()
heavy = [m for m in {HEAVY!r} if m in sys.modules]
assert not heavy, heavy
"""


def run(code, *options):
    return subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True, timeout=60, cwd=ROOT.parent)


def test_importing_is_light_and_silent():
    done = run(IMPORT, "-W", "error")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "" and done.stderr == ""


def test_submodules_are_imported_when_first_used():
    code = "import sys, tinygrad_lite as tl\nassert 'tinygrad_lite.nn' not in sys.modules\ntl.nn.Linear(2, 1)"
    done = run(f"{code}\nassert 'numba' not in sys.modules", "-W", "error")
    assert done.returncode == 0, done.stderr


def test_public_names_exist_once():
    names = [n for n in dir(tinygrad_lite) if not n.startswith("_")]
    for name in names:
        assert getattr(tinygrad_lite, name) is not None
    for module in (tinygrad_lite.ops.elementwise, tinygrad_lite.ops.shape, tinygrad_lite.ops.linalg, tinygrad_lite.ops.indexing):
        assert len(set(module.__all__)) == len(module.__all__)
        for name in module.__all__:
            assert hasattr(module, name)
