"""Losses, similarities and distances beside PyTorch's: values, first and second derivatives, also at their kinks and bounds."""

import inspect
import itertools

import numpy as np
import pytest

import tinygrad_lite as tl
from tinygrad_lite import nn

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore")]
RNG = np.random.default_rng(0)
REDUCTIONS = ["mean", "sum", "none"]


def quarters(*shape):
    """Values on a grid, so that there are ties, zeros and bounds met exactly."""
    return RNG.integers(-8, 9, shape) / 4.0


def positive(*shape):
    return RNG.uniform(0.2, 3, shape)


def probabilities(*shape):
    return np.exp(quarters(*shape)) / np.exp(2.25)


def signs(*shape):
    return RNG.choice([-1.0, 1.0], shape)


def derivatives(lib, function, inputs, fixed, order):
    """Value, and derivatives up to ``order`` of a weighted sum towards ``inputs``, as arrays; None is zero."""
    grad, array = (tl.grad, lambda t: t.data) if lib is tl else (torch.autograd.grad, lambda t: t.numpy(force=True))
    make = tl.tensor if lib is tl else torch.tensor
    xs = [make(x, requires_grad=True) for x in inputs]
    out = function(*xs, *map(make, fixed))
    weights = np.cos(np.arange(array(out).size) * 0.7 + 0.3).reshape(array(out).shape)
    as_arrays = lambda gradients: [np.zeros(x.shape) if g is None else array(g) for g, x in zip(gradients, inputs)]
    first = grad((out * make(weights)).sum(), xs, create_graph=order > 1, allow_unused=True)
    results = [array(out), *as_arrays(first)]
    if order > 1:
        curved = [(g * g).sum() for g in first if g is not None and g.requires_grad]
        again = grad(sum(curved), xs, allow_unused=True) if curved and sum(curved).requires_grad else [None] * len(xs)
        results += as_arrays(again)
    return results


def agree(ours, theirs, inputs, fixed=(), order=2, rtol=1e-8):
    for a, b in zip(*(derivatives(lib, f, inputs, fixed, order) for lib, f in ((tl, ours), (torch, theirs))), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-11)


def modules(name, arguments):
    """Ours and theirs, with arrays among the arguments as Tensors."""
    for m, make in ((nn, tl.tensor), (torch.nn, torch.tensor)):
        yield getattr(m, name)(**{k: make(v) if isinstance(v, np.ndarray) else v for k, v in arguments.items()})


# name, arguments, what is differentiated, what is not, order
LOSSES = [
    ("L1Loss", {}, lambda *s: (quarters(*s), quarters(*s)), (), 2), ("MSELoss", {}, lambda *s: (quarters(*s), quarters(*s)), (), 2),
    ("SmoothL1Loss", {}, lambda *s: (quarters(*s), quarters(*s)), (), 2),
    ("SmoothL1Loss", {"beta": 0.25}, lambda *s: (quarters(*s), quarters(*s)), (), 2),
    ("SmoothL1Loss", {"beta": 0.0}, lambda *s: (quarters(*s), quarters(*s)), (), 2),
    ("HuberLoss", {}, lambda *s: (quarters(*s), quarters(*s)), (), 2),
    ("HuberLoss", {"delta": 0.5}, lambda *s: (quarters(*s), quarters(*s)), (), 2),
    ("KLDivLoss", {}, lambda *s: (quarters(*s), probabilities(*s)), (), 2),
    ("KLDivLoss", {"log_target": True}, lambda *s: (quarters(*s), quarters(*s)), (), 2),
    ("PoissonNLLLoss", {}, lambda *s: (quarters(*s), positive(*s)), (), 2),
    ("PoissonNLLLoss", {"full": True}, lambda *s: (quarters(*s),), (lambda *s: RNG.integers(0, 4, s).astype(float),), 2),
    ("PoissonNLLLoss", {"log_input": False, "eps": 0.1}, lambda *s: (positive(*s), positive(*s)), (), 2),
    ("PoissonNLLLoss", {"log_input": False, "full": True}, lambda *s: (positive(*s),), (lambda *s: RNG.integers(0, 4, s) / 1,), 2),
    ("GaussianNLLLoss", {}, lambda *s: (quarters(*s), quarters(*s), positive(*s)), (), 2),
    ("GaussianNLLLoss", {"full": True, "eps": 0.8}, lambda *s: (quarters(*s), quarters(*s), positive(*s)), (), 2),
    ("SoftMarginLoss", {}, lambda *s: (quarters(*s),), (signs,), 2),
    ("BCELoss", {}, lambda *s: (RNG.uniform(0.1, 0.9, s),), (lambda *s: RNG.random(s),), 2),
    ("BCEWithLogitsLoss", {}, lambda *s: (quarters(*s), RNG.random(s)), (), 2),
    ("HingeEmbeddingLoss", {}, lambda *s: (quarters(*s),), (signs,), 1),
    ("HingeEmbeddingLoss", {"margin": 0.25}, lambda *s: (quarters(*s),), (signs,), 1),
    ("MarginRankingLoss", {}, lambda *s: (quarters(*s), quarters(*s)), (signs,), 1),
    ("MarginRankingLoss", {"margin": 0.5}, lambda *s: (quarters(*s), quarters(*s)), (signs,), 1),
]  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(3, 4), (), (2, 3, 2), (0, 3)])
@pytest.mark.parametrize(("name", "arguments", "inputs", "fixed", "order"), LOSSES, ids=[f"{row[0]}-{row[1]}" for row in LOSSES])
def test_loss(name, arguments, inputs, fixed, order, shape, reduction):
    ours, theirs = modules(name, arguments | {"reduction": reduction})
    agree(ours, theirs, inputs(*shape), [f(*shape) for f in fixed], order)


@pytest.mark.parametrize("shape", [(3, 4), (5,), ()])
@pytest.mark.parametrize("log_target", [True, False])
def test_divergence_of_a_batch(shape, log_target):
    agree(*modules("KLDivLoss", {"reduction": "batchmean", "log_target": log_target}), (quarters(*shape), probabilities(*shape)))


def test_inputs_that_broadcast():
    x, y = quarters(2, 3), quarters(3)
    for name in ("kl_div", "poisson_nll_loss", "soft_margin_loss", "hinge_embedding_loss"):
        agree(getattr(nn.functional, name), getattr(F, name), (x,), (np.abs(y) + 1,), 1)
    agree(nn.functional.margin_ranking_loss, F.margin_ranking_loss, (x, quarters(1, 3)), (signs(2, 1),), 1)
    agree(nn.functional.triplet_margin_loss, F.triplet_margin_loss, (RNG.standard_normal((4, 3)), *RNG.standard_normal((2, 1, 3))))
    for lead in [(2, 1), (1, 3), (2,), (2, 3)]:
        agree(nn.functional.gaussian_nll_loss, F.gaussian_nll_loss, (x, quarters(2, 3), positive(*lead)))
    agree(lambda x, t: nn.functional.gaussian_nll_loss(x, t, 0.5), lambda x, t: F.gaussian_nll_loss(x, t, 0.5), (x, quarters(2, 3)))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss"])
def test_weights_of_elements(name, reduction):
    agree(*(lambda x, y, w, f=f: getattr(f, name)(x, y, reduction=reduction, weight=w) for f in (nn.functional, F)),
          (quarters(3, 4), quarters(3, 4), positive(3, 4)))  # fmt: skip


ROW = np.array([0.5, 2.0, 0.0, 1.0])


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("weight", "pos_weight"), list(itertools.product([None, ROW, ROW[:3, None]], [None, ROW])), ids=str)
def test_weights_of_two_classes(weight, pos_weight, reduction):
    target = RNG.random((3, 4))
    agree(*modules("BCELoss", {"weight": weight, "reduction": reduction}), (RNG.uniform(0.1, 0.9, (3, 4)),), (target,))
    ours, theirs = modules("BCEWithLogitsLoss", {"weight": weight, "pos_weight": pos_weight, "reduction": reduction})
    agree(ours, theirs, (quarters(3, 4), target))
    agree(ours, theirs, (quarters(3, 4) * 300,), (target,))
    assert list(ours.state_dict()) == list(theirs.state_dict())


# -- labels ------------------------------------------------------------------------------------------------------

WEIGHT = np.array([0.5, 2.0, 1.25])
SHAPES = [(5, 3), (3,), (2, 3, 4), (2, 3, 2, 2), (0, 3)]


def labels(shape, ignored=0.0, ignore_index=-100):
    target = RNG.integers(0, 3, () if len(shape) == 1 else (shape[0], *shape[2:]))
    return np.where(RNG.random(target.shape) < ignored, ignore_index, target)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("ignored", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("ignore_index", [-100, 1, -1, 7])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize("shape", SHAPES)
def test_labels(shape, weight, ignore_index, ignored, reduction):
    x, target = RNG.standard_normal(shape) * 3, labels(shape, ignored, ignore_index)
    arguments = {"weight": weight, "ignore_index": ignore_index, "reduction": reduction}
    agree(*modules("NLLLoss", arguments), (x,), (target,))
    for smoothing in (0.0, 0.3, 1.0):
        agree(*modules("CrossEntropyLoss", arguments | {"label_smoothing": smoothing}), (x,), (target,))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize("shape", SHAPES)
def test_probabilities(shape, weight, smoothing, reduction):
    """The gradient goes to the probabilities too."""
    arguments = {"weight": weight, "label_smoothing": smoothing, "reduction": reduction}
    agree(*modules("CrossEntropyLoss", arguments), (RNG.standard_normal(shape), RNG.random(shape)))


def test_nothing_but_ignored_labels():
    target = np.full(2, -100)
    for reduction, expected in [("mean", np.nan), ("sum", 0.0)]:
        for arguments in ({}, {"weight": WEIGHT}, {"label_smoothing": 0.1}):
            ours, _ = modules("CrossEntropyLoss", {"reduction": reduction, **arguments})
            x = tl.tensor(np.ones((2, 3)), requires_grad=True)
            loss = ours(x, tl.tensor(target))
            np.testing.assert_equal(loss.item(), expected)
            loss.backward()
            assert (x.grad.data == 0).all()


def test_a_module_with_weights_is_saved_and_loaded_as_theirs():
    ours, theirs = modules("CrossEntropyLoss", {"weight": WEIGHT})
    assert list(ours.state_dict()) == list(theirs.state_dict()) == ["weight"] and not list(ours.parameters())
    theirs.load_state_dict({"weight": torch.ones(3)})
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    x, target = RNG.standard_normal((4, 3)), np.array([0, 2, 1, 1])
    np.testing.assert_allclose(ours(tl.tensor(x), target).item(), F.cross_entropy(torch.tensor(x), torch.tensor(target)).item())


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "arguments", [{}, {"p": 2}, {"margin": 0.25}, {"weight": WEIGHT}, {"weight": WEIGHT, "p": 2, "margin": 2.0}], ids=str
)
@pytest.mark.parametrize("shape", [(5, 3), (3,)])
def test_margins_of_classes(shape, arguments, reduction):
    agree(*modules("MultiMarginLoss", arguments | {"reduction": reduction}), (quarters(*shape),), (labels(shape),), 1)


# -- pairs -------------------------------------------------------------------------------------------------------

PAIRS = [
    ((3, 4), (3, 4), 1),
    ((3, 4), (3, 4), 0),
    ((2, 3, 4), (3, 1), -2),
    ((4,), (4,), 0),
    ((3, 4), (4,), -1),
    ((0, 3), (0, 3), 1),
]


@pytest.mark.parametrize(("left", "right", "dim"), PAIRS)
def test_cosine_similarity(left, right, dim):
    x, y = RNG.standard_normal(left), RNG.standard_normal(right)
    agree(*modules("CosineSimilarity", {"dim": dim}), (x, y))
    agree(*modules("CosineSimilarity", {"dim": dim, "eps": 1.5}), (x, y), order=1)  # norms on both sides of eps


def test_cosine_similarity_of_zero_vectors():
    agree(*modules("CosineSimilarity", {}), (np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 2.0], [0.0, 0.0]])), order=1)


@pytest.mark.parametrize("p", [2.0, 1.0, 3.0, float("inf"), 0.5])
@pytest.mark.parametrize("keepdim", [False, True])
@pytest.mark.parametrize("shapes", [((3, 4), (3, 4)), ((4,), (4,)), ((2, 3, 4), (4,)), ((0, 3), (0, 3))])
def test_pairwise_distance(shapes, p, keepdim):
    x, y = (RNG.standard_normal(s) for s in shapes)
    agree(*modules("PairwiseDistance", {"p": p, "keepdim": keepdim}), (x, y))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("margin", [0.0, 0.5, -0.5])
@pytest.mark.parametrize("lead", [(6,), (), (0,)])
def test_cosine_embedding(lead, margin, reduction):
    inputs = RNG.standard_normal((2, *lead, 3))
    agree(*modules("CosineEmbeddingLoss", {"margin": margin, "reduction": reduction}), tuple(inputs), (signs(*lead),))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "arguments", [{}, {"swap": True}, {"p": 1.0, "margin": 0.2}, {"swap": True, "p": 3.0, "eps": 1e-3}], ids=str
)
@pytest.mark.parametrize("shape", [(5, 4), (4,), (0, 3)])
def test_triplets(shape, arguments, reduction):
    agree(*modules("TripletMarginLoss", arguments | {"reduction": reduction}), tuple(RNG.standard_normal((3, *shape))))


def test_triplets_at_their_bounds():
    """Equal distances to the negative and between the two, and a margin that is just kept."""
    a, p, n = np.array([[0.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 2.0]])
    agree(*modules("TripletMarginLoss", {"swap": True, "eps": 0.0}), (a, p, n), order=1)


# -- signatures --------------------------------------------------------------------------------------------------

NAMES = [
    "L1Loss", "SmoothL1Loss", "HuberLoss", "CrossEntropyLoss", "NLLLoss", "BCELoss", "BCEWithLogitsLoss", "KLDivLoss", "MSELoss",
    "HingeEmbeddingLoss", "CosineEmbeddingLoss", "MarginRankingLoss", "TripletMarginLoss", "PoissonNLLLoss", "GaussianNLLLoss",
    "SoftMarginLoss", "MultiMarginLoss", "CosineSimilarity", "PairwiseDistance",
]  # fmt: skip
FUNCTIONS = [
    "mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "cross_entropy", "nll_loss", "binary_cross_entropy", "kl_div",
    "binary_cross_entropy_with_logits", "hinge_embedding_loss", "cosine_embedding_loss", "margin_ranking_loss",
    "triplet_margin_loss", "poisson_nll_loss", "gaussian_nll_loss", "soft_margin_loss", "multi_margin_loss",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES + FUNCTIONS)
def test_arguments_stand_in_pytorchs_order_with_its_defaults(name):
    """But for those that it has deprecated."""
    ours, theirs = (
        inspect.signature(getattr(m, name)).parameters for m in ((nn, torch.nn) if name in NAMES else (nn.functional, F))
    )
    expected = {k: (p.default, p.kind) for k, p in theirs.items() if k not in ("size_average", "reduce")}
    assert [(k, (p.default, p.kind)) for k, p in ours.items()] == list(expected.items())


REFUSED = {
    "smoothing": lambda m, f: f.cross_entropy(m.ones(2, 3), m.tensor([0, 1]), label_smoothing=1.5),
    "weight of classes": lambda m, f: f.cross_entropy(m.ones(2, 3), m.tensor([0, 1]), weight=m.ones(2)),
    "weight and probabilities": lambda m, f: f.cross_entropy(m.ones(2, 3), m.ones(2, 3), weight=m.ones(2)),
    "ignore with probabilities": lambda m, f: f.cross_entropy(m.ones(2, 3), m.ones(2, 3), ignore_index=1),
    "label beside ignored": lambda m, f: f.cross_entropy(m.ones(2, 3), m.tensor([-100, 3])),
    "weighted label": lambda m, f: f.cross_entropy(m.ones(2, 3), m.tensor([-100, 3]), weight=m.ones(3)),
    "label of nll": lambda m, f: f.nll_loss(m.ones(2, 3), m.tensor([-100, -1])),
    "beta": lambda m, f: f.smooth_l1_loss(m.ones(2), m.ones(2), beta=-1.0),
    "delta": lambda m, f: f.huber_loss(m.ones(2), m.ones(2), delta=0.0),
    "mse weight": lambda m, f: f.mse_loss(m.ones(2, 2), m.ones(2, 2), weight=m.ones(2)),
    "variance": lambda m, f: f.gaussian_nll_loss(m.ones(2), m.ones(2), m.tensor([1.0, -1.0])),
    "shape of variance": lambda m, f: f.gaussian_nll_loss(m.ones(2, 3), m.ones(2, 3), m.ones(3)),
    "dims": lambda m, f: f.margin_ranking_loss(m.ones(2, 3), m.ones(3), m.ones(3)),
    "p": lambda m, f: f.multi_margin_loss(m.ones(2, 3), m.tensor([0, 1]), p=3),
    "dims of triplets": lambda m, f: f.triplet_margin_loss(m.ones(2, 3), m.ones(2, 3), m.ones(3)),
    "target of pairs": lambda m, f: f.cosine_embedding_loss(m.ones(2, 2, 3), m.ones(2, 2, 3), m.ones(2, 2)),
    "reduction": lambda m, f: f.l1_loss(m.ones(2), m.ones(2), reduction="average"),
    "batchmean": lambda m, f: f.l1_loss(m.ones(2), m.ones(2), reduction="batchmean"),
    "similarity": lambda m, f: f.cosine_similarity(m.ones(2, 3), m.ones(2, 4)),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_both_refuse(name):
    for m, f in ((torch, F), (tl, nn.functional)):
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError)):
            REFUSED[name](m, f)
