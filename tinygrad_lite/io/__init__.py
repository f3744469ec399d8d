"""Saving and loading arrays by name. Nothing in a file is ever executed."""

from .files import load, load_metadata, save
