"""The rows in tinygrad_lite."""

from __future__ import annotations

import warnings

import tinygrad_lite as tl
from tinygrad_lite import nn, optim, zoo
from tinygrad_lite.zoo import autoencoders

from ..convolution.ours import threads  # noqa: F401
from .rows import EPSILON, MOMENTUM, PROBES, WEIGHT

warnings.filterwarnings("ignore", "Perceptron.fit")  # ten classes are not separated in so many epochs


def boolean(row, table, x):
    """A table looked up by units."""
    network = zoo.BooleanNetwork(table)
    return lambda: {"answers": network.predict(x)}


def hebbian(rule):
    """Epochs of a rule."""

    def make(row, x, first):
        model = zoo.Hebbian(rule, EPSILON, row.epochs, first)
        return lambda: {"weight": model.fit(x).weight_}

    return make


def perceptron(row, x, y, first):
    """From given weights, which are not zero."""
    model = zoo.Perceptron(epochs=row.epochs, initial=first)
    return lambda: {"weight": model.fit(x, y).weight_}


def willshaw_store(row, x, y):
    """Pairs."""
    return lambda: {"stored": zoo.Willshaw().fit(x, y).weight_}


def willshaw_recall(row, x, y):
    """At the threshold of the stored keys."""
    memory, probes = zoo.Willshaw().fit(x, y), x[:PROBES]
    return lambda: {"answers": memory.predict(probes)}


def linear_store(rule):
    """Pairs by a rule."""
    return lambda row, x, y: lambda: {"weight": zoo.LinearAssociator(rule).fit(x, y).weight_}


def linear_recall(row, x, y):
    """By what Hebb's rule stored."""
    memory = zoo.LinearAssociator("hebb").fit(x, y)
    return lambda: {"values": memory.predict(x)}


def hopfield_store(row, x):
    """Without self-connections."""
    return lambda: {"weight": zoo.Hopfield(self_connections="zero").fit(x).weight_}


def hopfield_inverse(row, x):
    """The pseudo-inverse."""
    return lambda: {"weight": zoo.Hopfield("pseudo-inverse").fit(x).weight_}


def recall(updates):
    """Until all probes settle."""

    def make(row, x, probes, order):
        model = zoo.Hopfield(self_connections="zero", updates=updates, order=order).fit(x)
        return lambda: {"states": model.predict(probes)}

    return make


def contraction(row, x, weight0, bias0):
    """The closed form and backward."""
    encoder = nn.Sequential(nn.Linear(row.inputs, row.outputs), nn.Sigmoid())
    penalty, x = autoencoders.Contraction(WEIGHT), tl.tensor(x)
    encoder.load_state_dict({"0.weight": weight0, "0.bias": bias0})

    def step():
        encoder.zero_grad()
        value = penalty(encoder, x, encoder(x))
        value.backward()
        return {"values": value, "weight": encoder[0].weight.grad, "bias": encoder[0].bias.grad}

    return step


def descent(row, model, loss, given):
    """A training step of ``model``, whose parameters are ``given`` in order."""
    model.load_state_dict(dict(zip(model.state_dict(), given.values(), strict=True)))
    if row.optimizer == "adam":
        optimizer = optim.Adam(model.parameters(), lr=row.lr)
    else:
        optimizer = optim.SGD(model.parameters(), lr=row.lr, momentum=MOMENTUM)

    def step():
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        return value.item()

    return step


def mlp(row, x, t, **given):
    """A training step."""
    model, x, t = zoo.MultilayerPerceptron((row.inputs, *row.hidden, row.outputs)), tl.tensor(x), tl.tensor(t)
    return descent(row, model, lambda: nn.functional.sse_loss(model(x), t), given)


def autoencoder(row, x, **given):
    """A training step."""
    down = row.hidden[: len(row.hidden) // 2 + 1]
    model, x = autoencoders.autoencoder((row.inputs, *down), output=nn.Sigmoid), tl.tensor(x)
    return descent(row, model, lambda: model.loss(x), given)


STEPS = {
    "boolean": boolean,
    "hebb": hebbian("hebb"),
    "oja": hebbian("oja"),
    "perceptron2": perceptron,
    "perceptron10": perceptron,
    "willshaw_store": willshaw_store,
    "willshaw_recall": willshaw_recall,
    "linear_hebb": linear_store("hebb"),
    "linear_squares": linear_store("least squares"),
    "linear_recall": linear_recall,
    "hopfield_store": hopfield_store,
    "hopfield_inverse": hopfield_inverse,
    "asynchronous": recall("asynchronous"),
    "synchronous": recall("synchronous"),
    "contraction": contraction,
    "mlp_small": mlp,
    "mlp": mlp,
    "autoencoder_small": autoencoder,
    "autoencoder": autoencoder,
}
