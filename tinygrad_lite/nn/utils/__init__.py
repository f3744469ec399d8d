"""What one does with parameters beside training them, under PyTorch's names."""

from .clipping import clip_grad_norm_, clip_grad_value_
from .vectors import parameters_to_vector, vector_to_parameters
