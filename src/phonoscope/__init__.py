"""Phonoscope turns silent video into sound."""

__version__ = "0.1.0"
