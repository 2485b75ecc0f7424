"""Seamwatch: watches the seams between systems and changes nothing in them."""

__version__ = "0.1.0"
