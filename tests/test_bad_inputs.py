"""Whatever public function is called with what it does not take, the error begins with the name that the user called.

A row is a call that works. Each of its arguments in turn is replaced by things that do not fit. Some must be refused; others may
also be taken (a shape that broadcasts, integers), but no error may come through under the name of an inner op, of NumPy or Numba.
"""

import inspect
import re

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite.errors import composed
from tinygrad_lite.nn import functional as F
from tinygrad_lite.primitive import registry

f32 = np.float32
rng = np.random.default_rng(0)


def normal(*shape):
    return rng.normal(size=shape).astype(f32)


def positive(*shape):
    return rng.uniform(0.2, 0.8, shape).astype(f32)


X, Y, V, P = normal(2, 4), normal(2, 4), normal(4), positive(2, 4)
SQUARE = normal(3, 3) + 3 * np.eye(3, dtype=f32)
SEQUENCE, IMAGE, VOLUME = normal(2, 4, 6), normal(2, 4, 6, 6), normal(2, 4, 4, 4, 4)
MASK, LABELS, SIGNS = X > 0, np.array([0, 3]), np.array([1.0, -1.0], f32)
INDEX = np.array([[0, 1, 1, 0]])
GATES = {n: (normal(n * 3, 4), normal(n * 3, 3), normal(n * 3), normal(n * 3)) for n in (1, 3, 4)}  # W_ih, W_hh, b_ih, b_hh
H, XS = normal(2, 3), normal(5, 2, 4)


# The calls that work: a name, or several that are called alike; the arguments, those that are named in a dictionary
ROWS = {
    # element by element
    """abs acos asin atan ceil cos cosh erf exp expm1 floor hardsigmoid hardswish isfinite isinf isnan logical_not logsigmoid mish
    neg relu relu6 round selu sign sigmoid silu sin sinh softsign square tan tanh tanhshrink trunc celu elu gelu hardshrink hardtanh
    leaky_relu rrelu softplus softshrink zeros_like""": [(P,)],
    "log log10 log1p log2 reciprocal rsqrt sqrt": [(P,)],
    "add sub": [(P, P), (P, P, dict(alpha=2.0))],
    """mul atan2 div true_divide eq ne lt le gt ge floor_divide heaviside logaddexp logical_and logical_or maximum minimum
    pow remainder""": [(P, P)],
    "lerp": [(X, Y, 0.5), (X, Y, P)],
    "where": [(MASK, X, Y)],
    "masked_fill": [(X, MASK, 1.0)],
    "clamp": [(X, -1.0, 1.0), (X, P, P)],
    "threshold": [(X, 0.1, 2.0)],
    "prelu": [(X, normal(4)), (X, normal(1))],
    "cast": [dict(x=X, dtype=np.float64)],
    # reductions and what goes along a dimension
    "all any amax amin argmax argmin mean sum prod var std logsumexp norm squeeze": [(X,), dict(x=X, dim=1)],
    "max min": [(X,), dict(x=X, dim=1), (X, Y)],
    "cumsum softmax log_softmax softmin glu argsort sort": [dict(x=X, dim=1)],
    "topk": [dict(x=X, k=2, dim=1)],
    "linalg.norm": [(X,), dict(A=X, ord=1, dim=1), dict(A=X, ord="fro", dim=(0, 1))],
    "linalg.vector_norm": [dict(x=X, ord=3, dim=1)],
    "linalg.matrix_norm": [dict(A=X, ord=1, dim=(0, 1)), dict(A=X, ord="nuc")],
    "normalize": [dict(input=X, p=2.0, dim=1)],
    "cosine_similarity": [dict(x1=X, x2=Y, dim=1)],
    "pairwise_distance": [(X, Y)],
    # shape
    "reshape view": [(X, 4, 2), (X, (8,))],
    "permute": [(X, 1, 0), (X, (1, 0))],
    "expand": [(X, 3, 2, 4)],
    "repeat tile": [(X, 1, 2)],
    "broadcast_to": [dict(x=X, shape=(3, 2, 4))],
    "flatten": [dict(x=X, start_dim=0, end_dim=1)],
    "unflatten": [dict(x=X, dim=1, sizes=(2, 2))],
    "transpose": [dict(x=X, dim0=0, dim1=1)],
    "unsqueeze unbind": [dict(x=X, dim=1)],
    "flip": [dict(x=X, dims=(0, 1))],
    "roll": [dict(x=X, shifts=1, dims=1)],
    "narrow": [dict(x=X, dim=1, start=1, length=2)],
    "select": [dict(x=X, dim=1, index=2)],
    "split": [dict(x=X, split_size_or_sections=2, dim=1), (X, [1, 1])],
    "chunk": [dict(x=X, chunks=2, dim=1)],
    "cat stack": [dict(tensors=[X, Y], dim=1)],
    "diag": [(X,), (V,)],
    "diagonal": [dict(x=X, offset=0, dim1=0, dim2=1)],
    "tril triu": [(X,)],
    "pad": [dict(input=IMAGE, pad=(1, 1, 2, 2)), (X, (1, 1), dict(value=2.0)), dict(input=IMAGE, pad=(1, 1), mode="reflect")],
    "pixel_shuffle": [(IMAGE, 2)],
    "pixel_unshuffle": [(IMAGE, 2)],
    # indexing
    "getitem": [(X, 1), (X, (slice(1), 2)), (X, LABELS % 2)],
    "slice_items": [dict(x=X, index=(1,))],
    "unslice": [dict(x=V, index=(1,), shape=(2, 4))],
    "gather": [dict(x=X, dim=0, index=INDEX)],
    "take_along": [dict(x=X, dim=0, index=INDEX)],
    "take_along_dim": [dict(x=X, indices=INDEX, dim=0)],
    "scatter scatter_add": [dict(x=X, dim=0, index=INDEX, src=Y)],
    "scatter_reduce": [dict(x=X, dim=0, index=INDEX, src=Y, reduce=kind) for kind in ("sum", "amax")],
    "scatter_zeros": [dict(src=X[:1], index=INDEX, shape=(2, 4), dim=0)],
    "index_select": [dict(x=X, dim=1, index=LABELS)],
    "embedding": [
        (INDEX, X), dict(input=INDEX, weight=X, padding_idx=1),
        dict(input=INDEX, weight=X, max_norm=0.5, norm_type=2.0, scale_grad_by_freq=True),
    ],
    "one_hot": [(LABELS, 4)],
    # products
    "matmul": [(X, normal(4, 2)), (X, V), (V, V), (SEQUENCE, normal(6, 2))],
    "mm": [(X, normal(4, 2))],
    "mv": [(X, V)],
    "bmm": [(SEQUENCE, normal(2, 6, 3))],
    "dot outer": [(V, V)],
    "addmm": [(normal(2, 3), X, normal(4, 3)), (SQUARE, SQUARE, SQUARE, dict(beta=0.5, alpha=2.0))],
    "einsum": [("ij,kj->ik", X, Y), (X, [0, 1], Y, [2, 1])],
    "tensordot": [(X, normal(4, 2), 1), dict(a=X, b=Y, dims=([0], [0]))],
    "linear": [(X, normal(3, 4), normal(3))],
    "bilinear": [(X, Y, normal(3, 4, 4), normal(3))],
    "linalg.det linalg.inv linalg.slogdet": [(SQUARE,)],
    "linalg.pinv linalg.svdvals": [(X,)],
    "linalg.eigvalsh": [(SQUARE,), (SQUARE, "U")],
    "linalg.solve": [(SQUARE, normal(3)), (SQUARE, normal(3, 2))],
    "scaled_dot_product_attention": [
        (SEQUENCE, SEQUENCE, SEQUENCE), (SEQUENCE, SEQUENCE, SEQUENCE, normal(4, 4)),
        (IMAGE, IMAGE[:, :2], IMAGE[:, :2], dict(is_causal=True, scale=0.5, enable_gqa=True)),
    ],
    # images
    "conv1d cross_correlation1d": [(SEQUENCE, normal(3, 4, 2), normal(3))],
    "conv2d cross_correlation2d": [(IMAGE, normal(3, 4, 2, 2), normal(3))],
    "conv3d": [(VOLUME, normal(3, 4, 2, 2, 2), normal(3))],
    "conv_transpose1d": [(SEQUENCE, normal(4, 3, 2), normal(3))],
    "conv_transpose2d": [(IMAGE, normal(4, 3, 2, 2), normal(3))],
    "conv_transpose3d": [(VOLUME, normal(4, 3, 2, 2, 2), normal(3))],
    "convolve1d": [(X, normal(2))],
    "convolve2d": [(IMAGE, normal(2, 2))],
    "avg_pool1d max_pool1d sum_pool1d": [(SEQUENCE, 2)],
    "avg_pool2d max_pool2d sum_pool2d": [(IMAGE, 2)],
    "avg_pool3d max_pool3d sum_pool3d": [(VOLUME, 2)],
    "lp_pool1d": [(SEQUENCE, 2.0, 2)],
    "lp_pool2d": [(IMAGE, 2.0, 2)],
    "lp_pool3d": [(VOLUME, 2.0, 2)],
    "adaptive_avg_pool1d adaptive_max_pool1d": [(SEQUENCE, 2)],
    "adaptive_avg_pool2d adaptive_max_pool2d": [(IMAGE, 2)],
    "adaptive_avg_pool3d adaptive_max_pool3d": [(VOLUME, 2)],
    "global_avg_pool global_max_pool": [(IMAGE,)],
    "interpolate": [dict(input=IMAGE, size=3), dict(input=IMAGE, scale_factor=2.0, mode="bilinear")],
    "unfold": [(IMAGE, 2)],
    "fold": [(normal(2, 16, 25), 6, 2)],
    # normalisation and noise
    "batch_norm": [(X, V, positive(4), V, V), dict(input=X, running_mean=None, running_var=None, training=True)],
    "layer_norm": [(X, 4, V, V), (X, (4,))],
    "rms_norm": [(X, 4, V)],
    "group_norm": [(IMAGE, 2, V, V)],
    "instance_norm": [dict(input=IMAGE, weight=V, bias=V), (IMAGE, V, positive(4), V, V, False)],
    "local_response_norm": [(IMAGE, 3)],
    "dropout alpha_dropout": [dict(x=X, p=0.5, training=True)],
    "dropout1d": [dict(x=SEQUENCE, p=0.5, training=True)],
    "dropout2d": [dict(x=IMAGE, p=0.5, training=True)],
    "dropout3d": [dict(x=VOLUME, p=0.5, training=True)],
    # losses
    "l1_loss mse_loss": [(X, Y), dict(input=X, target=Y, weight=P), dict(input=X, target=Y, reduction="sum")],
    "huber_loss smooth_l1_loss soft_margin_loss": [(X, Y)],
    "sse_loss hinge_embedding_loss poisson_nll_loss": [(X, Y)],
    "kl_div": [(X, P)],
    "gaussian_nll_loss": [(X, Y, P)],
    "binary_cross_entropy": [(P, P, P)],
    "binary_cross_entropy_with_logits": [(X, P, P), dict(input=X, target=P, pos_weight=V)],
    "cross_entropy": [(X, LABELS), (X, LABELS, V), (X, P), dict(input=X, target=LABELS, weight=V, label_smoothing=0.1)],
    "nll_loss": [(X, LABELS), (X, LABELS, V)],
    "multi_margin_loss": [(X, LABELS), dict(input=X, target=LABELS, weight=V)],
    "cosine_embedding_loss": [(X, Y, SIGNS)],
    "margin_ranking_loss": [(V, V, V)],
    "triplet_margin_loss": [(X, Y, P), dict(anchor=X, positive=Y, negative=P, p=3.0, swap=True)],
    # time
    "rnn_step": [(X, H, *GATES[1])],
    "leaky_step": [(X, H, 2.0, *GATES[1])],
    "lstm_step": [(X, H, H, *GATES[4])],
    "gru_step": [(X, H, *GATES[3])],
    "rnn_sequence": [(XS, H, *GATES[1]), (XS, H, *GATES[1], np.array([5, 3]))],
    "leaky_sequence": [(XS, H, 2.0, *GATES[1])],
    "lstm_sequence": [(XS, H, H, *GATES[4])],
    "gru_sequence": [(XS, H, *GATES[3])],
    "clockwork_sequence": [
        dict(x=XS, h0=H, weight_ih=GATES[1][0], weight_hh=GATES[1][1], bias_ih=V[:3], bias_hh=V[:3], periods=(1, 2, 4))
    ],
    # in place
    "assign": [(X.copy(), Y)],
    "sgd_update": [([X.copy()], [Y], np.array(0.1))],
    "momentum_update": [([X.copy()], [Y], [Y.copy()], np.array(0.1), dict(first=[True], momentum=0.9))],
    "adam_update": [([X.copy()], [Y], [Y.copy()], [P.copy()], [np.array(1.0)], np.array(0.1))],
    # from nothing
    "zeros ones rand randn": [(2, 3), ((2, 3),)],
    "full": [((2, 3), 1.0)],
    "arange": [(0, 6, 2)],
    "linspace": [(0.0, 1.0, 5)],
    "eye": [(3,)],
    "randint": [(0, 5, (2, 3))],
    "randperm": [(5,)],
    "bernoulli": [(P,)],
    "empty_like ones_like rand_like randn_like": [(X,)],
    "full_like": [(X, 1.0)],
    "tensor from_numpy": [(X,)],
    "from_dlpack": [(X,)],
    # what else they take
    "sum mean prod": [dict(x=X, dim=1, keepdim=True, dtype=np.float64)],
    "cumsum softmax log_softmax softmin": [dict(x=X, dim=1, dtype=np.float64)],
    "norm linalg.norm linalg.vector_norm linalg.matrix_norm": [(X, dict(dtype=np.float64))],
    "div": [(P, P, dict(rounding_mode="floor"))],
    "scatter": [dict(x=X, dim=0, index=INDEX, value=1.0), dict(x=X, dim=0, index=INDEX, src=Y, reduce="add")],
}  # fmt: skip
# Those that take a function, whose errors are its own (test_transforms.py), walk back (test_errors.py), or take no arrays
OTHERS = {
    "checkpoint", "grad", "gradcheck", "hessian", "hvp", "jacobian", "jvp", "vjp",
    "backward", "detect_anomaly", "enable_grad", "get_default_dtype", "get_num_threads", "get_rng_state", "is_grad_enabled",
    "manual_seed", "no_grad", "profile", "set_convolution_precision", "set_default_dtype", "set_num_threads", "set_rng_state",
    "summary",
}  # fmt: skip
NAMED = {"true_divide": "div", "slice_items": "getitem", "take_along": "gather"}  # what pictures and errors call them
DIMS = {"dim", "dim0", "dim1", "dim2", "start_dim", "end_dim", "dims"}


def public():
    """Every public function by its name."""
    found = {n: getattr(tl, n) for n in dir(tl) if not n.startswith("_")}
    found |= {n: getattr(F, n) for n in F.__all__} | {f"linalg.{n}": getattr(tl.linalg, n) for n in tl.linalg.__all__}
    return {n: f for n, f in found.items() if inspect.isfunction(f)}


PUBLIC = public()
TABLE = {}
for names, calls in ROWS.items():
    for name in names.split():
        TABLE[name] = TABLE.get(name, []) + calls


def test_every_public_function_has_a_row():
    assert not set(TABLE) & OTHERS
    assert set(TABLE) | OTHERS == set(PUBLIC), "write a row of good arguments for a new function"
    assert all(PUBLIC[n] is getattr(tl, n) for n in F.__all__)


def bad_arrays(a):
    """(what it is, whether it must be refused, something else in the place of the array ``a``)."""
    yield "strings", True, np.full(a.shape, "a")
    yield "objects", True, np.full(a.shape, None, object)
    yield "complex", True, a.astype(np.complex64)
    yield "a string", True, "a"
    yield "a dictionary", True, {}
    yield "an object", True, object()
    if a.dtype.kind == "i":
        yield "floats", True, a.astype(f32)
        yield "too large", True, a + 1000
        yield "too small", True, a - 1000
    else:
        yield "integers", False, np.ones(a.shape, np.int64)
        yield "NaN", False, np.full(a.shape, np.nan, f32)
    yield "another precision", False, a.astype(np.float64)
    yield "float16", False, a.astype(np.float16)
    yield "a number", False, a.reshape(-1)[0]
    yield "more dimensions", False, a.reshape(1, 1, 1, 1, 1, *a.shape)
    yield "larger", False, np.resize(a, (*a.shape[:-1], (a.shape or (1,))[-1] + 5))
    yield "longer", False, np.resize(a, ((a.shape or (1,))[0] + 3, *a.shape[1:]))
    yield "empty", False, a.reshape(-1)[:0]
    yield "a list", False, a.tolist()


def bad_dims(dim):
    for what, value in (("too large", 99), ("too small", -99), ("a word", "rows"), ("a fraction", 1.5)):
        yield f"dim {what}", True, (0, value) if isinstance(dim, tuple) else value


OTHER_VALUES = {
    "a word": "no such", "an object": object(), "a dictionary": {}, "negative": -7, "a fraction": 1.5, "NaN": float("nan"),
    "a tuple": (7, -7), "strings": ("a", "b"), "a Tensor": tl.ones(2, 2),
}  # fmt: skip


def bad_values(value):
    return ((f"{what}, not {value!r:.20}", False, other) for what, other in OTHER_VALUES.items())


def replaced(name, value):
    if isinstance(value, np.ndarray):
        return bad_arrays(value)
    if isinstance(value, list) and isinstance(value[0], np.ndarray):
        return ((what, must, [other, *value[1:]]) for what, must, other in bad_arrays(value[0]))
    return bad_dims(value) if name in DIMS and isinstance(value, (int, tuple)) else bad_values(value)


def as_given(value):
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        return tl.Tensor(value.copy())
    return list(map(as_given, value)) if isinstance(value, list) else value


def parts(call):
    """Positional and named arguments of a row."""
    call = call if isinstance(call, tuple) else (call,)
    return (call[:-1], call[-1]) if isinstance(call[-1], dict) else (call, {})


def bad_calls(name):
    """(what is wrong, whether it must be refused, positional, named) for every argument of every row of the function."""
    parameters = list(inspect.signature(PUBLIC[name]).parameters)
    if name == "tile":  # whose dims are counts
        parameters = []
    for call in TABLE[name]:
        args, named = parts(call)
        for k, value in enumerate(args):
            for what, must, other in replaced(parameters[k] if k < len(parameters) else "", value):
                yield f"input {k} is {what}", must, (*args[:k], other, *args[k + 1 :]), named
        for key, value in named.items():
            for what, must, other in replaced(key, value):
                yield f"{key} is {what}", must, args, {**named, key: other}


def run(name, args, named):
    keep = list if name in ("from_numpy",) else lambda values: list(map(as_given, values))
    with tl.scope("features"):
        return PUBLIC[name](*keep(args), **dict(zip(named, keep(named.values()))))


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_rows_work(name):
    for call in TABLE[name]:
        run(name, *parts(call))


FOREIGN = re.compile("ufunc|numba|memoryview|<class", re.IGNORECASE)  # how NumPy and Numba speak of themselves


INNER_NAMES = "|".join({*TABLE, *(p.name for p in registry.values())})


@pytest.mark.parametrize("name", sorted(TABLE))
@pytest.mark.filterwarnings("ignore")
def test_errors_begin_with_the_name_that_was_called(name):
    start = re.compile(rf"^{NAMED.get(name, name.split('.')[-1])} in features: (?!({INNER_NAMES})(:| in ))")
    wrong = []
    for what, must, args, named in bad_calls(name):
        try:
            run(name, args, named)
        except (ValueError, TypeError, IndexError, OverflowError) as error:
            if not start.match(str(error)) or FOREIGN.search(str(error)):
                wrong.append(f"{what}: {type(error).__name__} {error}")
        except Exception as error:
            wrong.append(f"{what}: {type(error).__name__} {error}")
        else:
            if must:
                wrong.append(f"{what}: no error")
    assert not wrong, "\n".join(wrong)


# -- what takes functions ----------------------------------------------------------------------------------------


def _square_sum(x):
    return tl.sum(x * x)


def _failing(x):
    raise KeyError("of the user")


TAKERS = {
    "vjp": (X,), "jvp": (X, X), "hvp": (X, X), "jacobian": (X,), "hessian": (X,), "gradcheck": (X,), "checkpoint": (X,),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKERS)
def test_what_takes_a_function(name):
    """Refuses what is none, and vectors and inputs that are no floating Tensors; the function's own errors pass unchanged."""
    call, inputs = getattr(tl, name), list(map(tl.Tensor, TAKERS[name]))
    call(_square_sum if name != "jvp" else tl.exp, *inputs)
    for other, said in (("a", "'a'"), (None, "None"), (tl.ones(2), r"\(2,\) float32"), ({}, "dict")):
        with pytest.raises(TypeError, match=f"^{name}: expected a function first, got {said}"):
            call(other, *inputs)
    with pytest.raises(KeyError, match=r"^'of the user'$"):
        call(_failing, *inputs)
    if name not in ("checkpoint", "gradcheck"):  # these take other arguments too
        for k, what in enumerate(["expected floating Tensors as inputs", "v must hold floating Tensors"][: len(inputs)]):
            for other in ("a", {}, tl.arange(8).reshape(2, 4), np.full((2, 4), "a"), X * 1j, None):
                with pytest.raises(TypeError, match=f"^{name}: {what}, got "):
                    call(_square_sum, *inputs[:k], other, *inputs[k + 1 :])


# -- what makes it so ----------------------------------------------------------------------------------------------


@composed
def shifted(x, by, *, power=2):
    """An op composed of others."""
    if power < 0:
        raise ValueError(f"shifted: power must not be negative, got {power}")
    return tl.unflatten(tl.normalize(x + by, dim=0), 1, (3, 1)) ** power


ones = tl.ones(2, 3)
INNER = [
    (lambda: shifted(ones, tl.ones(4)), ValueError,
     "shapes (2, 3) and (4,) do not broadcast: counted from the right, sizes must be equal or 1 "
     "(x is (2, 3) float32, by is (4,) float32)"),
    (lambda: shifted(ones, by="a", power=3), TypeError,
     "expected a Tensor, an array or a number, got str (x is (2, 3) float32, by is 'a', power is 3)"),
    (lambda: shifted(ones, tl.ones(2, 1, 3)), ValueError, "sizes (3, 1) do not multiply to size 2 of dim 1 (x is (2, 2, 3))"),
    (lambda: shifted(tl.tensor(1.0), 1.0, power=-1), ValueError, "power must not be negative, got -1"),
    (lambda: shifted(np.ones(2), np.array(1j)), TypeError,
     "complex128 is not supported: keep the real and the imaginary part as two Tensors (x is (2,) float64, by is () complex128)"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "kind", "text"), INNER, ids=range(len(INNER)))
def test_an_inner_error_is_told_as_the_outer_ops_own(call, kind, text):
    with pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == f"shifted: {text}"
    with tl.scope("features"), pytest.raises(kind) as caught:
        call()
    assert str(caught.value) == f"shifted in features: {text}" and isinstance(caught.value.__cause__, Exception)


def test_a_declared_op_is_called_and_documented_as_before():
    assert str(inspect.signature(shifted)) == "(x, by, *, power=2)" and shifted.__doc__ == "An op composed of others."
    assert shifted.__kwdefaults__ == {"power": 2} and shifted.__code__.co_varnames[:3] == ("x", "by", "power")
    np.testing.assert_array_equal(shifted(by=ones, x=ones).data, shifted(ones, ones, power=2).data)
    with pytest.raises(TypeError, match=r"^shifted\(\) missing 1 required positional argument: 'by'"):
        shifted(ones)


def test_the_ops_that_are_called_most_cost_no_call_more():
    """Primitives name themselves; in the others only what is not the usual case is watched."""
    assert all(hasattr(PUBLIC[name], "primitive") for name in ("mul", "sum", "mean", "relu", "softmax", "linear"))
    assert not any(
        hasattr(PUBLIC[name], "__wrapped__") for name in ("add", "sub", "cross_entropy", "getitem", "matmul", "reshape", "permute")
    )
