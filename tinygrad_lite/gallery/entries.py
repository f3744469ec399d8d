"""The scripts of ``examples/`` in the order in which they are read."""

from __future__ import annotations

import ast
import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@dataclass(frozen=True)
class Entry:
    """A script.

    name       the script's file, without ".py"
    models     names in `zoo`, `nn` or `optim`
    equation   as text, lines apart
    claim      what the lectures say
    arguments  of the script, where its usual run is too long for a page of all
    """

    name: str
    models: str
    equation: str
    claim: str
    arguments: tuple = ()

    @property
    def path(self):
        """The script."""
        return EXAMPLES / f"{self.name}.py"

    @property
    def title(self):
        """The first sentence of the script's docstring."""
        return " ".join(ast.get_docstring(ast.parse(self.path.read_text())).split("\n\n")[0].split())


ENTRIES = (
    Entry(
        "01_first_gradient",
        "tl.Tensor",
        "∂f/∂x by the chain rule, from the output back to the inputs",
        "The gradient by the engine is that by hand.",
    ),
    Entry(
        "02_xor",
        "nn.Linear, nn.Tanh",
        "y = sigmoid(W₂ tanh(W₁ x + b₁) + b₂)",
        "One neuron cannot learn the exclusive or, two layers can (Minsky and Papert, 1969).",
    ),
    Entry(
        "03_mcculloch_pitts",
        "zoo.McCullochPitts, zoo.BooleanNetwork",
        "y = step(w·x - s)",
        "Units with a threshold compute every Boolean function in two layers; the exclusive or needs both.",
    ),
    Entry(
        "04_hebb_and_oja",
        "zoo.Hebbian",
        "Δw = ε y x        Δw = ε y (x - y w)",
        "Hebb's rule grows without bound, Oja's comes to the first principal component.",
    ),
    Entry(
        "05_perceptron",
        "zoo.Perceptron",
        "on a mistake: w ← w ± ε x",
        "The perceptron rule ends without mistakes, from any weights, where the classes can be separated.",
    ),
    Entry(
        "06_associative_memory",
        "zoo.Willshaw, zoo.LinearAssociator",
        "w = max over pairs of y xᵀ,  y = step(w x - (l - 1/2))        y = W x",
        "Associative memories recall patterns from parts of them; binary ones hold up to ln 2 bits for each synapse.",
    ),
    Entry(
        "07_hopfield",
        "zoo.Hopfield",
        "w = 1/k Σ x xᵀ,  s ← sign(w s),  E = -1/2 sᵀ w s",
        "Stored patterns are attractors: the energy falls until the state settles.",
    ),
    Entry(
        "08_hopfield_capacity",
        "zoo.Hopfield",
        "p / N about 0.138",
        "Beyond 0.138 N random patterns recall collapses.",
    ),
    Entry(
        "10_feature_map",
        "tl.cross_correlation2d",
        "S(i, j) = Σₘ Σₙ I(i + m, j + n) K(m, n)",
        "A filter of 3x3 slides over an image of 7x7 and leaves a feature map of 5x5.",
    ),
    Entry(
        "11_pooling",
        "nn.MaxPool2d, nn.AvgPool2d, nn.SumPool2d",
        "y = max, mean or sum of each window",
        "Pooling keeps that something was seen, and gives up where exactly.",
    ),
    Entry(
        "12_convolution_and_correlation",
        "tl.convolve1d, tl.convolve2d, tl.cross_correlation1d, tl.cross_correlation2d",
        "(x * w)(t) = Σₐ x(a) w(t - a)        (x ⋆ w)(t) = Σₐ x(t + a) w(a)",
        "Convolution flips the kernel, therefore it commutes; networks compute cross-correlation and call it convolution.",
    ),
    Entry(
        "13_sparse_and_shared",
        "nn.Conv2d, nn.Linear",
        "k weights for n outputs, in place of m n",
        "Sparse interactions and shared parameters: far fewer weights and products than a dense layer of the same size.",
    ),
    Entry(
        "14_receptive_field",
        "nn.Conv2d, nn.MaxPool2d, tl.summary",
        "r ← r + (k - 1) j,  j ← j s  for each layer of kernel k and stride s",
        "Units of deeper layers see more of the image.",
    ),
    Entry(
        "15_equivariance",
        "tl.conv2d, tl.max_pool2d",
        "f(g(x)) = g(f(x))",
        "Convolution is equivariant to translation, not to rotation and scale; pooling makes it about invariant to small shifts.",
    ),
    Entry(
        "16_digits_cnn",
        "zoo.SmallCNN, zoo.ThreeStages",
        "convolution → detector → pooling",
        "Filters are learned; feature maps show what they found.",
    ),
    Entry(
        "17_saliency",
        "zoo.SmallCNN",
        "|∂ logit / ∂ x|, and the logit while a patch is covered",
        "What a network looks at can be measured.",
    ),
    Entry(
        "18_sunspots",
        "zoo.SeriesCNN",
        "y(t + 1) = f(y(t), ..., y(t - 11))",
        "Convolution in one dimension is for series in time.",
    ),
    Entry(
        "19_googlenet",
        "zoo.GoogLeNet, zoo.Inception",
        "cat(1x1, 1x1 → 3x3, 1x1 → 5x5, pool → 1x1)",
        "Inception looks at several scales at once; 1x1 convolutions before the larger ones keep it affordable.",
    ),
    Entry(
        "30_text_prediction",
        "zoo.LanguageModel, zoo.KneserNey",
        "p(x(t+1) | x(1), ..., x(t)) = softmax(V h(t) + c),  h(t) = LSTM(x(t), h(t-1))",
        "A recurrent network that reads a text character by character, or word by word, learns to write.",
    ),
    Entry(
        "31_powers_and_gradients",
        "nn.RNN, nn.LSTM, nn.GRU, nn.LeakyRNN, nn.SkipCell, nn.ClockworkRNN",
        "h(t) = Wᵗ h(0) = Q Λᵗ Q⁻¹ h(0)",
        "Gradients through many steps vanish or explode; leaks, skips, clocks and gates keep them, clipping tames them.",
    ),
    Entry(
        "32_learning_to_latch",
        "nn.RNN, nn.LSTM, nn.GRU, zoo.ManyToOne",
        "which sign had x(1)?",
        "Plain recurrent networks trained by gradient descent fail at 10 to 20 steps; gated ones learn.",
    ),
    Entry(
        "33_adding_and_copying",
        "nn.RNN, nn.LSTM, nn.GRU, zoo.ManyToOne, zoo.ManyToMany",
        "y = x(i) + x(j) of 100 steps",
        "Gated networks remember over a hundred steps.",
    ),
    Entry(
        "34_clockwork_wave",
        "nn.ClockworkRNN, nn.LSTM",
        "module k: h(t) = tanh(W x + U h(t-1) + b) where t mod Tₖ = 0, else h(t-1)",
        "A clockwork network generates a wave that an LSTM of as many weights does not.",
    ),
    Entry(
        "35_logic_on_trees",
        "zoo.RecursiveNetwork, zoo.TreeLSTM",
        "p = tanh(W [c₁; c₂] + b)",
        "A recursive network has the same weights at every node of a tree, and holds for deeper ones.",
    ),
    Entry(
        "36_translating_dates",
        "zoo.EncoderDecoder",
        "a(t, s) = softmaxₛ(h(t)·W m(s)),  context(t) = Σₛ a(t, s) m(s)",
        "Encoder and decoder turn one sequence into another; attention spares them to hold all of it in one state.",
    ),
    Entry(
        "37_sentiment",
        "nn.Embedding, nn.GRU, zoo.ManyToOne",
        "many inputs, one output: y = softmax(V h(T) + c)",
        "A recurrent network classifies sentences of any length.",
    ),
    Entry(
        "38_forecasting_sunspots",
        "nn.LSTM, zoo.ManyToOne",
        "many inputs, one output: y(t+1) = V h(t) + c",
        "A recurrent network predicts a series better than naive ways, and as well as the best of lines.",
    ),
    Entry(
        "39_video",
        "zoo.VideoCNN, nn.LSTM, zoo.ManyToOne, zoo.ManyToMany",
        "h(t) = LSTM(CNN(frame t), h(t-1))",
        "Videos are classified as a whole, many to one, or frame by frame, many to many.",
    ),
    Entry(
        "40_backpropagation_by_hand",
        "zoo.MultilayerPerceptron",
        "δ_out = (y - t) f'(a),  δ_hidden = f'(a) Σ w δ_out,  ∂E/∂w = δ y,  E = 1/2 Σ (y - t)²",
        "Backpropagation is the chain rule, layer by layer: its formulas are the engine's gradients.",
    ),
    Entry(
        "41_rates_that_leave_a_plateau",
        "zoo.MultilayerPerceptron",
        "w ← w - ε(t) ∂E/∂w",
        "Annealed and cyclic learning rates leave a plateau where a constant one stays.",
    ),
    Entry(
        "42_autoencoder_and_pca",
        "zoo.Autoencoder",
        "min Σ |x - g(f(x))|²",
        "A linear autoencoder is principal component analysis; a deep one reconstructs better with the same code.",
    ),
    Entry(
        "43_sparse_denoising_contractive",
        "zoo.Autoencoder",
        "+ λ Σ |h|        + λ KL(r, h)        f(x + noise)        + λ Σ |∇ₓ hᵢ|²",
        "Sparse, denoising and contractive autoencoders learn more than to copy.",
    ),
    Entry(
        "44_captioning",
        "zoo.Captioner",
        "one input, many outputs: h(0) = CNN(image),  p(word(t+1)) = softmax(V h(t) + c)",
        "A convolutional encoder and a recurrent decoder describe pictures.",
    ),
    Entry(
        "45_variable_length",
        "nn.GRU, zoo.ManyToOne",
        "the same weights at every step",
        "A recurrent network that learned from short sequences is used on long ones, and the other way round.",
    ),
)


def file_of(model):
    """The file of a model of `Entry.models`, seen from the folder of the package."""
    package = importlib.import_module(__package__.partition(".")[0])
    place, _, last = model.partition(".")
    thing = getattr(package if place == "tl" else getattr(package, place), last)
    file = Path(sys.modules[thing.__module__].__file__)
    return file.relative_to(Path(package.__file__).parent.parent).as_posix()


def unshown():
    """The models of the zoo that no script has among its own."""
    from .. import nn, zoo

    shown = {name for entry in ENTRIES for name in entry.models.split(", ")}
    kinds = nn.Module, zoo.Learner
    models = [name for name, thing in vars(zoo).items() if isinstance(thing, type) and issubclass(thing, kinds)]
    return [f"zoo.{name}" for name in models if f"zoo.{name}" not in shown and name != "Learner"]


def find(name):
    """The entry whose script is called ``name``, with its number or without, or has this number; else the first that shows the
    model ``name``; else the only one whose name contains it."""
    found = (
        [e for e in ENTRIES if name.lower() in (e.name, *e.name.split("_", 1))]
        or [e for e in ENTRIES if name.lower() in (model.lower().partition(".")[2] for model in e.models.split(", "))][:1]
        or [e for e in ENTRIES if name.lower() in e.name]
    )
    if len(found) != 1:
        what = "is no script" if not found else f"are several scripts ({', '.join(e.name for e in found)})"
        raise FileNotFoundError(f"zoo: there {what} called {name!r}; `tinygrad-lite zoo` lists them all")
    return found[0]


def check_examples():
    """The scripts must be there: an installed package has none."""
    if not EXAMPLES.is_dir():
        raise FileNotFoundError(
            "zoo: the scripts are in the folder examples/ of the repository, which an installation does not have"
        )
