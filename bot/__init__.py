"""Trimtab: keeps a crypto portfolio's exposure where its owner wants it, by trading futures."""

__version__ = "0.1.0"
