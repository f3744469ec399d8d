"""What one does with parameters beside training them, under PyTorch's names."""

from .vectors import parameters_to_vector, vector_to_parameters
