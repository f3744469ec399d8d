"""Saving and loading."""

from .safetensors import load, save
