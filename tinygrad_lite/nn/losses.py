"""Losses, similarity and distance as modules. ``reduction`` is "mean", "sum" or "none"."""

from __future__ import annotations

from .. import ops
from .function import Function
from .module import Buffer


class Loss(Function):
    """What all losses share: their reduction. Their text names the options that are not the defaults."""

    reductions = ("mean", "sum", "none")

    def __init__(self, reduction="mean"):
        if reduction not in self.reductions:
            *first, last = map(repr, self.reductions)
            raise ValueError(f"{type(self).__name__}: reduction must be {', '.join(first)} or {last}, got {reduction!r}")
        self.reduction = reduction

    def extra_repr(self):
        options = {
            name: value for name, (value, default) in self._options().items() if isinstance(value, Buffer) or value != default
        }
        return ", ".join(f"{name}={value.shape if isinstance(value, Buffer) else repr(value)}" for name, value in options.items())


def _buffer(weight):
    """Weights are saved with the module, as PyTorch's are."""
    return None if weight is None else Buffer(weight)


# -- regression --------------------------------------------------------------------------------------------------


class MSELoss(Loss):
    """(input - target)**2, of equal shapes."""

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.mse_loss(input, target, self.reduction)


class SSELoss(Function):
    """1/2 sum (input - target)**2, of equal shapes."""

    def forward(self, input, target):
        """A scalar."""
        return ops.sse_loss(input, target)


class L1Loss(Loss):
    """|input - target|, of equal shapes."""

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.l1_loss(input, target, self.reduction)


class SmoothL1Loss(Loss):
    """d**2 / (2 beta) of the difference d where |d| < beta, else |d| - beta / 2 (Girshick, 2015); of equal shapes."""

    def __init__(self, reduction="mean", beta=1.0):
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.smooth_l1_loss(input, target, self.reduction, self.beta)


class HuberLoss(Loss):
    """d**2 / 2 of the difference d where |d| < delta, else delta (|d| - delta / 2) (Huber, 1964); of equal shapes."""

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.huber_loss(input, target, self.reduction, self.delta)


class KLDivLoss(Loss):
    """t (log t - x) for log-probabilities x and probabilities t, or their logarithms with ``log_target`` (Kullback and Leibler,
    1951). ``reduction`` "batchmean" divides the sum by the size of the batch, which is the divergence itself."""

    reductions = ("mean", "batchmean", "sum", "none")

    def __init__(self, reduction="mean", log_target=False):
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.kl_div(input, target, self.reduction, self.log_target)


class PoissonNLLLoss(Loss):
    """rate - t log(rate) for counts t; ``input`` is log(rate), or the rate with ``log_input=False``. ``full`` adds log t!."""

    def __init__(self, log_input=True, full=False, eps=1e-8, reduction="mean"):
        super().__init__(reduction)
        self.log_input, self.full, self.eps = log_input, full, eps

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.poisson_nll_loss(input, target, self.log_input, self.full, self.eps, self.reduction)


class GaussianNLLLoss(Loss):
    """(log var + (input - target)**2 / var) / 2 (Nix and Weigend, 1994), with var at least ``eps``; ``full`` adds log(2 pi) / 2."""

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__(reduction)
        self.full, self.eps = full, eps

    def forward(self, input, target, var):
        """A scalar, or a Tensor of their shape for "none"; the shapes of ``var`` are those of `gaussian_nll_loss`."""
        return ops.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


# -- classification ----------------------------------------------------------------------------------------------


class CrossEntropyLoss(Loss):
    """-log softmax(input)[target]: logits (batch, classes, ...) and class numbers (batch, ...), or probabilities shaped as input.

    weight, ignore_index, label_smoothing  as of `cross_entropy`
    """

    def __init__(self, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(reduction)
        self.weight, self.ignore_index, self.label_smoothing = _buffer(weight), ignore_index, label_smoothing

    def forward(self, input, target):
        """A scalar, or (batch, ...) for "none"."""
        return ops.cross_entropy(input, target, self.weight, self.ignore_index, self.reduction, self.label_smoothing)


class NLLLoss(Loss):
    """-input[target]: log-probabilities (batch, classes, ...), class numbers (batch, ...).

    weight, ignore_index  as of `nll_loss`
    """

    def __init__(self, weight=None, ignore_index=-100, reduction="mean"):
        super().__init__(reduction)
        self.weight, self.ignore_index = _buffer(weight), ignore_index

    def forward(self, input, target):
        """A scalar, or (batch, ...) for "none"."""
        return ops.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)


class BCELoss(Loss):
    """-(t log x + (1 - t) log(1 - x)) of probabilities and targets of equal shapes; ``weight`` are factors that broadcast."""

    def __init__(self, weight=None, reduction="mean"):
        super().__init__(reduction)
        self.weight = _buffer(weight)

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.binary_cross_entropy(input, target, self.weight, self.reduction)


class BCEWithLogitsLoss(Loss):
    """`BCELoss` of the logistic function of ``input``, without overflow; ``pos_weight`` are factors of -t log s(x)."""

    def __init__(self, weight=None, reduction="mean", pos_weight=None):
        super().__init__(reduction)
        self.weight, self.pos_weight = _buffer(weight), _buffer(pos_weight)

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class SoftMarginLoss(Loss):
    """log(1 + e**(-t x)) for targets of -1 and 1."""

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.soft_margin_loss(input, target, self.reduction)


class MultiMarginLoss(Loss):
    """The mean over classes of max(0, margin - x[label] + x[other])**p, p 1 or 2; ``weight`` (classes) are factors of labels."""

    def __init__(self, p=1, margin=1.0, weight=None, reduction="mean"):
        super().__init__(reduction)
        self.p, self.margin, self.weight = p, margin, _buffer(weight)

    def forward(self, input, target):
        """A scalar, or (batch) for "none"."""
        return ops.multi_margin_loss(input, target, self.p, self.margin, self.weight, self.reduction)


# -- embeddings --------------------------------------------------------------------------------------------------


class HingeEmbeddingLoss(Loss):
    """The distance ``input`` where target is 1, max(0, margin - input) where it is -1."""

    def __init__(self, margin=1.0, reduction="mean"):
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.hinge_embedding_loss(input, target, self.margin, self.reduction)


class CosineEmbeddingLoss(Loss):
    """1 - cosine of pairs with target 1, max(0, cosine - margin) of those with -1."""

    def __init__(self, margin=0.0, reduction="mean"):
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        """(batch, features) twice and (batch): a scalar, or (batch) for "none"."""
        return ops.cosine_embedding_loss(input1, input2, target, self.margin, self.reduction)


class MarginRankingLoss(Loss):
    """max(0, margin - t (x1 - x2)): with t = 1 the first is to be larger, with -1 the second."""

    def __init__(self, margin=0.0, reduction="mean"):
        super().__init__(reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        """A scalar, or a Tensor of their shape for "none"."""
        return ops.margin_ranking_loss(input1, input2, target, self.margin, self.reduction)


class TripletMarginLoss(Loss):
    """max(0, margin + d(anchor, positive) - d(anchor, negative)), d the p-norm of the difference; ``swap`` takes
    d(positive, negative) where that is smaller (Balntas et al., 2016)."""

    def __init__(self, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction="mean"):
        super().__init__(reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor, positive, negative):
        """(batch, features) each: a scalar, or (batch) for "none"."""
        return ops.triplet_margin_loss(anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction)


class CosineSimilarity(Function):
    """The cosine of the angle between vectors along ``dim``."""

    def __init__(self, dim=1, eps=1e-8):
        self.dim, self.eps = dim, eps

    def forward(self, x1, x2):
        """Shapes that broadcast -> the common shape without ``dim``."""
        return ops.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Function):
    """The p-norm of x1 - x2 + eps along the last dimension."""

    def __init__(self, p=2.0, eps=1e-6, keepdim=False):
        self.p, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1, x2):
        """(..., features) twice -> (...)."""
        return ops.pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)
