"""A model ships only with proof."""

__version__ = "0.1.0"
