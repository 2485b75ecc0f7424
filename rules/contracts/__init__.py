"""Contracts: what systems share, and who may change it."""
