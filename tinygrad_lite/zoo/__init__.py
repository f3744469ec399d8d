"""Models of the lectures, one file per family, built from nn and ops."""

from .inception import GoogLeNet, GoogLeNetOutputs, Inception, googlenet_loss
from .lenet import LeNet5
from .resnet import ResidualBlock, ResNet, ResNet20
from .series import SeriesCNN
from .small_cnn import SmallCNN
from .stages import ThreeStages
from .video import VideoCNN
