"""Rows of the table of cases.py for losses, distances and similarities. The references are SciPy's, or loops over labels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import scipy.special
import scipy.stats
from cases import A, away, case, composed, distinct, masks, normal, positive, probability

import tinygrad_lite as tl

REDUCTIONS = {"mean": np.mean, "sum": np.sum, "none": np.array}

for shape in [(3, 4), (), (0, 3)]:
    case("at_least", lambda x, bound: np.maximum(x, bound), positive(*shape), bound=0.1)


def signs(*shape):
    """-1 and 1."""
    return lambda rng: masks(*shape)(rng) * 2 - 1


def distribution(*shape):
    """Positive numbers that sum to 1 along dimension 1."""
    return lambda rng: scipy.special.softmax(rng.standard_normal(shape), min(1, len(shape) - 1))


def like(x, options):
    """Floating arrays among the options in the dtype of ``x``."""
    return {k: v.astype(x.dtype) if isinstance(v, np.ndarray) and v.dtype.kind == "f" else v for k, v in options.items()}


def loss(name, reference, *inputs, order=2, **options):
    """A row for each reduction of a loss whose single values are ``reference``."""
    label = "-".join([name, *(f"{k}={v if np.isscalar(v) else np.shape(v)}" for k, v in options.items())])
    for reduction, reduce in REDUCTIONS.items():
        composed(f"{label}-{reduction}", lambda *xs, r=reduction: getattr(tl, name)(*xs, reduction=r, **like(xs[0], options)),
                 lambda *xs, reduce=reduce: reduce(reference(*xs)), *inputs, order=order)  # fmt: skip


# -- regression --------------------------------------------------------------------------------------------------

for shape in [(2, 3), ()]:
    pair = distinct(*shape), lambda rng, shape=shape: np.full(shape, 0.01)
    loss("l1_loss", lambda x, y: np.abs(x - y), *pair)
    loss("huber_loss", lambda x, y: scipy.special.huber(1.0, x - y), *pair)
    loss("huber_loss", lambda x, y: scipy.special.huber(0.3, x - y), *pair, delta=0.3)
    loss("smooth_l1_loss", lambda x, y: scipy.special.huber(0.2, x - y) / 0.2, *pair, beta=0.2)
    loss("smooth_l1_loss", lambda x, y: np.abs(x - y), *pair, beta=0.0)
    composed("sse_loss", tl.sse_loss, lambda x, y: np.sum((x - y) ** 2) / 2, normal(*shape), normal(*shape))
composed("sse_loss", tl.sse_loss, lambda x, y: np.array(0.0), normal(0, 3), normal(0, 3))
WEIGHTED = distinct(2, 3), lambda rng: np.full((2, 3), 0.01), positive(2, 3)
for name, single in [("mse_loss", lambda x, y: (x - y) ** 2), ("l1_loss", lambda x, y: np.abs(x - y))]:
    for reduction, reduce in (REDUCTIONS | {"mean": None}).items():
        composed(f"{name}-weight-{reduction}", lambda x, y, w, n=name, r=reduction: getattr(tl, n)(x, y, weight=w, reduction=r),
                 lambda x, y, w, f=single, reduce=reduce: reduce(w * f(x, y)) if reduce else np.average(f(x, y), weights=w),
                 *WEIGHTED)  # fmt: skip
composed("huber_loss-weight", lambda x, y, w: tl.huber_loss(x, y, "mean", 0.3, w),
         lambda x, y, w: np.mean(w * scipy.special.huber(0.3, x - y)), *WEIGHTED)  # fmt: skip

# -- densities ---------------------------------------------------------------------------------------------------


def stirling(t):
    return np.where(t > 1, t * np.log(t) - t + np.log(2 * np.pi * t) / 2, 0)


for shape in [(2, 3), (3,), ()]:
    loss("kl_div", lambda x, t: scipy.special.xlogy(t, t) - t * x, probability(*shape), probability(*shape))
    loss("kl_div", lambda x, t: np.exp(t) * (t - x), normal(*shape), normal(*shape), log_target=True)
    composed("kl_div-batchmean", lambda x, t: tl.kl_div(x, t, "batchmean"),
             lambda x, t: np.sum(t * (np.log(t) - x)) / (x.shape or (1,))[0], probability(*shape), probability(*shape))  # fmt: skip
    loss("poisson_nll_loss", lambda x, t: np.exp(x) - t * x, normal(*shape), positive(*shape))
    loss("poisson_nll_loss", lambda x, t: x - t * np.log(x + 0.1), positive(*shape), positive(*shape), log_input=False, eps=0.1)
    counts = lambda rng, shape=shape: np.asarray(rng.choice([0.4, 0.7, 1.6, 2.7, 4.3], shape))
    loss("poisson_nll_loss", lambda x, t: np.exp(x) - t * x + stirling(t), normal(*shape), counts, full=True)
    loss(
        "poisson_nll_loss",
        lambda x, t: x - t * np.log(x + 1e-8) + stirling(t),
        positive(*shape),
        counts,
        log_input=False,
        full=True,
    )
    loss("gaussian_nll_loss", lambda x, t, v: -scipy.stats.norm.logpdf(t, x, np.sqrt(v)), normal(*shape), normal(*shape),
         positive(*shape), full=True)  # fmt: skip
    loss("gaussian_nll_loss", lambda x, t, v: (np.log(v) + (x - t) ** 2 / v) / 2, normal(*shape), normal(*shape), positive(*shape))
    loss("gaussian_nll_loss", lambda x, t: -scipy.stats.norm.logpdf(t, x, 0.5), normal(*shape), normal(*shape), var=0.25, full=True)
composed("kl_div-zeros", lambda x: tl.kl_div(x, np.array([0.0, 1.0], x.dtype), "sum"), lambda x: -x[1], normal(2))
for shape in [(2, 1), (1, 3), (2,)]:
    loss("gaussian_nll_loss", lambda x, t, v: -scipy.stats.norm.logpdf(t, x, np.sqrt(v if v.ndim == 2 else v[:, None])),
         normal(2, 3), normal(2, 3), positive(*shape), full=True)  # fmt: skip

# -- labels ------------------------------------------------------------------------------------------------------


def labels_reference(x, target, weight, ignore_index, reduction, smoothing=0.0, logits=True):
    """Element after element, the classes last."""
    x = np.moveaxis(x, 1, -1) if x.ndim > 1 else x
    losses, total = np.zeros(target.shape), 0.0
    for place in np.ndindex(*target.shape):
        label = target[place]
        if label != ignore_index:
            q = np.full(x.shape[-1], smoothing / x.shape[-1])
            q[label] += 1 - smoothing
            log_p = scipy.special.log_softmax(x[place]) if logits else x[place]
            losses[place] = -np.sum(q * log_p * weight)
            total += weight[label]
    if reduction == "none":
        return losses
    return losses.sum() / (1 if reduction == "sum" else total or math.nan)


WEIGHTS = np.array([0.5, 2.0, 1.0])
LABELS = [
    ((4, 3), A(0, 2, -100, 1)), ((3,), np.array(1)), ((3,), np.array(-100)), ((2, 3, 2), A([1, -100], [0, 1])),
    ((2, 3, 1, 2), A([[2, 1]], [[-100, 1]])), ((2, 3), A(-100, -100)), ((0, 3), np.zeros(0, np.int64)),
]  # fmt: skip
for (shape, target), ignore_index, weight, reduction in itertools.product(LABELS, [-100, 1], [None, WEIGHTS], REDUCTIONS):
    if ignore_index == 1:
        target = np.where(target == -100, 0, target)
    order = 0 if reduction == "mean" and (target == ignore_index).all() else 2  # NaN
    label = f"{'weight-' if weight is not None else ''}{ignore_index}-{reduction}"
    options = dict(weight=weight, ignore_index=ignore_index, reduction=reduction)
    reference = dict(options, target=target, weight=np.ones(3) if weight is None else weight)
    composed(f"nll_loss-{label}", lambda x, t=target, o=options: tl.nll_loss(x, t, **o),
             lambda x, r=reference: labels_reference(x, **r, logits=False), normal(*shape), order=order)  # fmt: skip
    if weight is None:
        attributes = dict(ignore_index=ignore_index, reduction=reduction)
        case(
            "cross_entropy",
            lambda x, t, r=reference, **_: labels_reference(x, **r),
            normal(*shape),
            target,
            order=order,
            **attributes,
        )
    for smoothing in [0.3] if weight is None else [0.0, 0.3]:
        composed(f"cross_entropy-{smoothing}-{label}",
                 lambda x, t=target, o=options, s=smoothing: tl.cross_entropy(x, t, **o, label_smoothing=s),
                 lambda x, r=reference, s=smoothing: labels_reference(x, **r, smoothing=s),
                 normal(*shape), order=order)  # fmt: skip
for shape, weight, smoothing in itertools.product([(4, 3), (3,), (2, 3, 2), (0, 3)], [None, WEIGHTS], [0.0, 0.3]):

    def of_probabilities(x, t, weight=weight, smoothing=smoothing):
        x, t = (np.moveaxis(a, min(1, a.ndim - 1), -1) for a in (x, t))
        t = t * (1 - smoothing) + smoothing / 3
        return -np.sum(scipy.special.log_softmax(x, -1) * t * (1 if weight is None else weight), -1) if x.size else np.zeros(0)

    def mean_or_nan(x, t, of=of_probabilities):
        return np.mean(of(x, t)) if x.size else np.array(np.nan)

    for reduction, reference in [("mean", mean_or_nan), ("none", of_probabilities)]:
        composed(f"cross_entropy-probabilities-{weight is None}-{smoothing}-{reduction}", lambda x, t, o=dict(weight=weight,
                 label_smoothing=smoothing, reduction=reduction): tl.cross_entropy(x, t, **o), reference, normal(*shape),
                 distribution(*shape))  # fmt: skip


def margin_reference(x, target, p=1, margin=1.0, weight=WEIGHTS):
    rows, labels = np.atleast_2d(x), np.atleast_1d(target)
    sums = [sum(max(0, margin - row[k] + v) ** p for i, v in enumerate(row) if i != k) for row, k in zip(rows, labels)]
    return (np.array(sums) * weight[labels] / 3).reshape(target.shape)


for target, shape in [(A(0, 2, 1), (3, 3)), (np.array(1), (3,))]:
    loss("multi_margin_loss", lambda x, t=target: margin_reference(x, t, weight=np.ones(3)), distinct(*shape), target=target)
    loss("multi_margin_loss", lambda x, t=target: margin_reference(x, t, 2, 0.33), distinct(*shape), target=target, p=2,
         margin=0.33, weight=WEIGHTS)  # fmt: skip

# -- two classes -------------------------------------------------------------------------------------------------


def bernoulli(p, t, weight=1.0, positive=1.0):
    return -weight * (positive * t * np.log(p) + (1 - t) * np.log(1 - p))


ROW = np.array([0.5, 2.0, 0.25])
for shape in [(2, 3), (3,)]:
    loss("binary_cross_entropy", lambda x, t: bernoulli(x, t, ROW), probability(*shape), probability(*shape), weight=ROW)
    for options in [{"weight": ROW}, {"pos_weight": ROW}, {"weight": np.array(0.5), "pos_weight": ROW}]:
        loss("binary_cross_entropy_with_logits", lambda x, t, o=options: bernoulli(scipy.special.expit(x), t, o.get("weight", 1),
             o.get("pos_weight", 1)), normal(*shape), probability(*shape), **options)  # fmt: skip
    loss("soft_margin_loss", lambda x, t: np.log(1 + np.exp(-x * t)), normal(*shape), signs(*shape))

# -- pairs -------------------------------------------------------------------------------------------------------


def cosine(x, y, dim=1):
    x, y = np.broadcast_arrays(x, y)
    return (x * y).sum(dim) / np.linalg.norm(x, axis=dim) / np.linalg.norm(y, axis=dim)


for left, right, dim in [
    ((2, 3), (2, 3), 1),
    ((2, 3), (2, 3), 0),
    ((2, 1, 3), (4, 1), -2),
    ((3,), (2, 3), -1),
    ((0, 3), (0, 3), 1),
]:
    composed(f"cosine_similarity-{dim}", lambda x, y, d=dim: tl.cosine_similarity(x, y, d), lambda x, y, d=dim: cosine(x, y, d),
             away(*left), away(*right))  # fmt: skip
for left, right, p, keepdim in [
    ((2, 3), (2, 3), 2.0, False), ((2, 3), (3,), 1.0, True), ((3,), (3,), 3.0, False), ((2, 2, 3), (2, 1, 3), 2.0, True),
    ((2, 3), (2, 3), math.inf, False), ((0, 3), (0, 3), 2.0, False),
]:  # fmt: skip
    composed(f"pairwise_distance-{p}", lambda x, y, p=p, k=keepdim: tl.pairwise_distance(x, y, p, 1e-3, k), lambda x, y, p=p,
             k=keepdim: np.linalg.norm(x - y + 1e-3, p, axis=-1, keepdims=k), distinct(*left), away(*right))  # fmt: skip
for lead in [(4,), (), (2, 3), (0,)]:
    composed("bilinear", tl.bilinear, lambda x, y, w, b: np.stack([((x @ m) * y).sum(-1) for m in w], -1) + b,
             normal(*lead, 3), normal(*lead, 2), normal(4, 3, 2), normal(4))  # fmt: skip
composed(
    "bilinear-without-bias", tl.bilinear, lambda x, y, w: np.stack([x @ m @ y for m in w]), normal(3), normal(2), normal(2, 3, 2)
)
for lead in [(4,), ()]:
    target = np.array([1, -1, -1, 1])[: lead[0]] if lead else np.array(-1)
    loss("cosine_embedding_loss", lambda x, y, t=target: np.where(t == 1, 1 - cosine(x, y, -1),
         np.maximum(0, cosine(x, y, -1) - 0.1)), away(*lead, 3), away(*lead, 3), target=target, margin=0.1)  # fmt: skip
loss("hinge_embedding_loss", lambda x, t: np.where(t == 1, x, np.maximum(0, 1 - x)), normal(3, 4), signs(3, 4))
loss("hinge_embedding_loss", lambda x, t: np.where(t == 1, x, np.maximum(0, 0.3 - x)), normal(), np.array(-1), margin=0.3)
for shape in [(5,), (2, 3), ()]:
    loss("margin_ranking_loss", lambda x, y, t: np.maximum(0, 0.1 - t * (x - y)), normal(*shape), normal(*shape), signs(*shape),
         margin=0.1)  # fmt: skip


def triplet(a, p, n, order=2.0, swap=False):
    near, far, other = (np.linalg.norm(x - y + 1e-6, order, axis=-1) for x, y in ((a, p), (a, n), (p, n)))
    return np.maximum(0, 1 + near - (np.minimum(far, other) if swap else far))


for order, swap in itertools.product([2.0, 1.0], [False, True]):
    for shape in [(3, 4), (4,)]:
        loss("triplet_margin_loss", lambda a, p, n, o=order, s=swap: triplet(a, p, n, o, s), normal(*shape), normal(*shape),
             normal(*shape), p=order, swap=swap)  # fmt: skip
