"""Modules, layers and losses, under PyTorch's names; built from ops only."""

from . import functional, init, utils
from .cells import Cell, GRUCell, LayerNormLSTMCell, LeakyCell, LSTMCell, PeepholeLSTMCell, RNNCell
from .containers import ModuleList, Sequential
from .convolution import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .layers import (
    ELU,
    GELU,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LeakyReLU,
    Linear,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)  # fmt: skip
from .losses import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, MSELoss, NLLLoss
from .module import Buffer, Module, Parameter
from .normalisation import BatchNorm1d, BatchNorm2d, BatchNorm3d, LocalResponseNorm
from .pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    Fold,
    GlobalAvgPool,
    GlobalMaxPool,
    LPPool1d,
    LPPool2d,
    LPPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    SumPool1d,
    SumPool2d,
    SumPool3d,
    Unfold,
)  # fmt: skip
from .recurrent import GRU, LSTM, RNN, ClockworkRNN, LeakyRNN
from .unroll import unroll
from .wirings import Bidirectional, Deep, ElmanCell, FinalOutput, JordanCell, SkipCell, Zoneout
