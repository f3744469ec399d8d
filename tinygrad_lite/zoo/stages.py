"""The three stages of a convolutional layer, as one block."""

from __future__ import annotations

from .. import nn


class ThreeStages(nn.Sequential):
    """A convolutional layer as the textbook draws it (Goodfellow et al., 2016, chapter 9): (N, in_channels, height, width) ->
    (N, out_channels, height', width').

    ::

        convolution  z = W * x + b, one feature map for each filter
        detector     h = f(z), element by element
        pooling      one number for each window of h

    kernel_size, padding  of the convolution, of stride 1
    detector              a Module; a ReLU if nothing is given
    pooling               a Module; the largest of windows of 2x2 if nothing is given

    The stages are the modules ``convolution``, ``detector``, ``pooling``.
    """

    def __init__(self, in_channels, out_channels, kernel_size, padding=0, detector=None, pooling=None, dtype=None):
        super().__init__(
            {
                "convolution": nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding, dtype=dtype),
                "detector": detector or nn.ReLU(),
                "pooling": pooling or nn.MaxPool2d(2),
            }
        )

    def stages(self, x):
        """What each stage gives: (feature maps, detected, pooled)."""
        maps = self.convolution(x)
        detected = self.detector(maps)
        return maps, detected, self.pooling(detected)
