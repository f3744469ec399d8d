"""Names and shapes of the networks' parameters and buffers, as a state dict has them; written without a framework, so that a
measuring process holds only its own."""

from __future__ import annotations

from itertools import pairwise

MODULES = {  # GoogLeNet's, table 1 of Szegedy et al. (2015): 1x1; 1x1 before 3x3, 3x3; 1x1 before 5x5, 5x5; 1x1 behind the maxima
    "inception3a": (192, 64, 96, 128, 16, 32, 32),
    "inception3b": (256, 128, 128, 192, 32, 96, 64),
    "inception4a": (480, 192, 96, 208, 16, 48, 64),
    "inception4b": (512, 160, 112, 224, 24, 64, 64),
    "inception4c": (512, 128, 128, 256, 24, 64, 64),
    "inception4d": (512, 112, 144, 288, 32, 64, 64),
    "inception4e": (528, 256, 160, 320, 32, 128, 128),
    "inception5a": (832, 256, 160, 320, 32, 128, 128),
    "inception5b": (832, 384, 192, 384, 48, 128, 128),
}
STAGES = (("layer1", 16, 16), ("layer2", 16, 32), ("layer3", 32, 64))  # ResNet-20's: three blocks each


def under(**modules):
    """One dict of shapes, names behind those of their modules; ``_`` stands for a dot."""
    return {f"{module.replace('_', '.')}.{name}": shape for module, shapes in modules.items() for name, shape in shapes.items()}


def linear(c, k, *kernel):
    """A linear layer, or a convolution."""
    return {"weight": (k, c, *kernel), "bias": (k,)}


def conv(c, k, size):
    """A convolution with its ReLU."""
    return under(conv=linear(c, k, size, size))


def lenet():
    """LeNet-5."""
    shapes = under(features_0_convolution=linear(1, 6, 5, 5), features_1_convolution=linear(6, 16, 5, 5))
    sizes = (400, 120), (120, 84), (84, 10)
    return shapes | under(**{f"classifier_{2 * i + 1}": linear(*size) for i, size in enumerate(sizes)})


def inception(c, one, three_reduce, three, five_reduce, five, pool):
    """An Inception module."""
    branch2 = {"branch2_0": conv(c, three_reduce, 1), "branch2_1": conv(three_reduce, three, 3)}
    branch3 = {"branch3_0": conv(c, five_reduce, 1), "branch3_1": conv(five_reduce, five, 5)}
    return under(branch1=conv(c, one, 1), **branch2, **branch3, branch4_1=conv(c, pool, 1))


def googlenet(classes=1000):
    """GoogLeNet with its auxiliary heads."""
    shapes = under(conv1=conv(3, 64, 7), conv2=conv(64, 64, 1), conv3=conv(64, 192, 3))
    shapes |= under(**{name: inception(*widths) for name, widths in MODULES.items()})
    head = lambda c: under(conv=conv(c, 128, 1), fc1=linear(2048, 1024), fc2=linear(1024, classes))
    return shapes | under(aux1=head(512), aux2=head(528), fc=linear(1024, classes))


def batch_norm(c):
    """Batch normalisation."""
    return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (c,)) | {"num_batches_tracked": ()}


def resnet20():
    """ResNet-20."""
    pair = lambda i, c, k: {f"conv{i}": {"weight": (k, c, 3, 3)}, f"bn{i}": batch_norm(k)}
    shapes = under(**pair(1, 3, 16))
    for stage, c, k in STAGES:
        for i, (before, after) in enumerate(pairwise((c, k, k, k))):
            shapes |= under(**{f"{stage}_{i}": under(**pair(1, before, after), **pair(2, after, after))})
    return shapes | under(fc=linear(64, 10))


SHAPES = {"lenet": lenet(), "resnet20": resnet20(), "inception": inception(*MODULES["inception3a"]), "googlenet": googlenet()}
