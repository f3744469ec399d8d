"""Video as frames."""

from __future__ import annotations

from .. import nn, ops


class VideoCNN(nn.Module):
    """A network for images applied to each frame, and its outputs put together over time: (N, time, channels, height, width) ->
    (N, features), or what ``over_time`` makes of them.

    Time is folded into the batch, so that all frames go through ``frame`` at once, with the same weights.

    frame      a Module, (N, channels, height, width) -> (N, features)
    over_time  "mean" or "max" of each feature over the frames; or a Module that takes (N, time, features), such as an
               ``nn.LSTM(..., batch_first=True)``; None leaves the frames apart. With a Module or None time may also come first,
               (time, N, channels, height, width): ``over_time=ManyToOne(nn.LSTM(...), classes)``
    """

    def __init__(self, frame, over_time="mean"):
        if not (over_time is None or over_time in ("mean", "max") or isinstance(over_time, nn.Module)):
            raise ValueError(f"VideoCNN: over_time must be 'mean', 'max', a Module or None, got {over_time!r}")
        self.frame, self.over_time = frame, over_time

    def forward(self, x):
        """(N, time, channels, height, width)."""
        if x.ndim != 5:
            raise ValueError(f"VideoCNN: expected (N, time, channels, height, width), got {x.shape}")
        n, time = x.shape[:2]
        frames = self.frame(ops.flatten(x, 0, 1))
        features = ops.reshape(frames, (n, time, *frames.shape[1:]))
        if self.over_time == "mean":
            return ops.mean(features, dim=1)
        if self.over_time == "max":
            return ops.amax(features, dim=1)
        return features if self.over_time is None else self.over_time(features)
