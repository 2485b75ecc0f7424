"""Screens and their JSON twins."""
