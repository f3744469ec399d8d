"""The models of the lectures, one file per family, built from nn and ops."""

from .associative import LinearAssociator, Willshaw
from .base import Learner
from .hebbian import Hebbian
from .hopfield import Hopfield, Recall
from .mcculloch_pitts import BooleanNetwork, McCullochPitts
from .perceptron import Perceptron
