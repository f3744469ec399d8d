"""Every model of the lectures, one file for each family, built from nn and ops."""

from .associative import LinearAssociator, Willshaw
from .autoencoders import Autoencoder
from .base import Learner
from .captioning import Captioner
from .hebbian import Hebbian
from .hopfield import Hopfield, Recall
from .inception import GoogLeNet, GoogLeNetOutputs, Inception, googlenet_loss
from .language import KneserNey, LanguageModel, NGram
from .lenet import LeNet5
from .mcculloch_pitts import BooleanNetwork, McCullochPitts
from .mlp import MultilayerPerceptron
from .perceptron import Perceptron
from .resnet import ResidualBlock, ResNet, ResNet20
from .sequences import ManyToMany, ManyToOne
from .series import SeriesCNN
from .small_cnn import SmallCNN
from .stages import ThreeStages
from .translation import EncoderDecoder
from .trees import RecursiveNetwork, Tree, TreeLSTM
from .video import VideoCNN
