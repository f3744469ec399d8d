"""Arguments have PyTorch's names, order and defaults. The first one has the name that the house gives it; what else differs is
listed here, and why."""

import inspect

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn, optim

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.parity

# What Tensors on one CPU that do not change in place have no use for, and names that PyTorch has retired
NOT_HERE = {
    "out", "inplace", "device", "layout", "memory_format", "generator", "pin_memory", "sparse", "sparse_grad", "foreach", "fused",
    "capturable", "differentiable", "size_average", "reduce", "_stacklevel", "cudnn_enabled", "cudnn_enable", "out_dtype",
    "non_blocking", "copy", "implicit", "driver", "_weight", "_freeze", "destination", "keep_vars", "memo", "train", "size",
    "rcond", "min_value", "max_value",
}  # fmt: skip
DIFFERS = {
    ("interpolate", "antialias"): "it smooths before it shrinks: a matter of loaders, not of layers",
    ("pinv", "hermitian"): "a promise about A that saves time only",
    ("bernoulli", "p"): "the probabilities are the first argument",
    ("embedding", "indices"): "that of the C function; the Python function is beside it in nn.functional",
    ("where", "self"): "its Python name is input",
    ("max", "other"): "max(x, y) is maximum; y is given by its place",
    ("min", "other"): "min(x, y) is minimum; y is given by its place",
    ("split", "split_size"): "the method has the name that the function has",
    ("to", "other"): "a Tensor in the place of the dtype is taken too",
    ("load_state_dict", "assign"): "arrays are copied",
    ("ModuleList", "modules"): "items, as of all containers", ("ModuleDict", "modules"): "likewise",
    ("ParameterList", "values"): "likewise", ("ParameterDict", "parameters"): "likewise",
    ("register_forward_hook", "always_call"): "a hook runs after what came to an end",
}  # fmt: skip
OTHERWISE = {  # in order or defaults
    "batch_norm": "those of the function in nn.functional, not of the C function", "instance_norm": "likewise",
    "binary_cross_entropy_with_logits": "likewise", "embedding": "likewise", "norm": 'p=2 is what "fro" stands for',
    "var": "correction has the place of unbiased, whose False and True it takes as 0 and 1", "std": "likewise",
    "softmax": "PyTorch warns and chooses a dim; here it must be given", "log_softmax": "likewise", "softmin": "likewise",
    "Softmax": "likewise", "LogSoftmax": "likewise", "Softmin": "likewise", "to": "a dtype must be given: there is no device",
}  # fmt: skip
PLACES = [
    ("tl", tl, torch), ("Tensor", tl.Tensor, torch.Tensor), ("linalg", tl.linalg, torch.linalg), ("nn", nn, torch.nn),
    ("functional", nn.functional, torch.nn.functional), ("Module", nn.Module, torch.nn.Module), ("init", nn.init, torch.nn.init),
    ("utils", nn.utils, torch.nn.utils), ("optim", optim, torch.optim),
    ("lr_scheduler", optim.lr_scheduler, torch.optim.lr_scheduler), ("Optimizer", optim.Optimizer, torch.optim.Optimizer),
]  # fmt: skip
EMPTY = inspect.Parameter.empty


def parameters_of(function):
    """{name: (default, whether it has a place)} of all but ``self`` or the first argument; None of what takes any."""
    parameters = inspect.signature(function.__init__ if inspect.isclass(function) else function).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return None
    return {p.name: (p.default, p.kind is not p.KEYWORD_ONLY) for p in list(parameters)[1:]}


def ours_of(function):
    declared = getattr(function, "primitive", None)
    return parameters_of(function if declared is None else declared.forward)


def overloads(module, name, function):
    """The same of PyTorch's: one of a Python function, several of one in C, from its schemas."""
    try:
        return [found] if (found := parameters_of(function)) is not None else []
    except (TypeError, ValueError):
        schemas = torch._C._jit_get_schemas_for_operator(f"aten::linalg_{name}" if module is torch.linalg else f"aten::{name}")
        return [
            {a.name: (a.default_value if a.has_default_value() else EMPTY, not a.kwarg_only) for a in schema.arguments[1:]}
            for schema in schemas
            if schema.arguments and str(schema.arguments[0].type) == "Tensor" and not any(a.is_out for a in schema.arguments)
        ]


def plain(value):
    """A default as both sides write it: (1, 1) and [1] are 1, 1.0 is 1, a reduction has a name."""
    if isinstance(value, (list, tuple)) and (not value or all(v == value[0] for v in value)):
        return plain(value[0]) if value else None
    return tuple(value) if isinstance(value, list) else value


ROWS = [
    (label, name, getattr(ours, name), theirs)
    for label, ours, theirs in PLACES
    for name in dir(ours)
    if not name.startswith("_") and callable(getattr(ours, name)) and callable(getattr(theirs, name, None))
    if not (inspect.isclass(getattr(ours, name)) and issubclass(getattr(ours, name), np.generic))
]


def differences(name, own, given):
    """What PyTorch's overload has and ours has not, or has otherwise."""
    for n in given:
        if n not in own and n not in NOT_HERE and (name, n) not in DIFFERS:
            yield f"has no {n}, it has {list(own)}"
    shared = [n for n in given if n in own]
    placed = [n for n in shared if given[n][1]]
    if name not in OTHERWISE and [n for n in own if n in placed] != placed:
        yield f"takes {[n for n in own if n in placed]}, PyTorch {placed}"
    for n in shared:
        a, b = plain(own[n][0]), plain(given[n][0])
        if name not in OTHERWISE and b is not EMPTY and b != "valid" and a != b and (n, a, b) != ("reduction", "mean", 1):
            yield f"has {n}={own[n][0]!r}, PyTorch {n}={given[n][0]!r}"


@pytest.mark.parametrize("place", [label for label, *_ in PLACES])
def test_arguments_have_the_names_order_and_defaults_of_pytorch(place):
    """Of methods of Tensors the first argument after ``self`` counts too."""
    problems, seen = [], 0
    for label, name, function, theirs in ROWS:
        own = ours_of(function) if label == place else None
        if own is not None:
            for given in overloads(theirs, name, getattr(theirs, name)):
                if place in ("Module", "Optimizer"):
                    own, given = (dict([i for i in d.items() if i[0] not in NOT_HERE][1:]) for d in (own, given))
                seen += 1
                problems += [f"{name} {what}" for what in differences(name, own, given)]
    assert seen >= 4
    assert not problems, "\n".join(problems)
