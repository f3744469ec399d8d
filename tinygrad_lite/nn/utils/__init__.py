"""Work on the parameters of a model beside its layers."""

from .clipping import clip_grad_norm_, clip_grad_value_
