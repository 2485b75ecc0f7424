"""Screens and their JSON twins."""

from agent.web.site import site

__all__ = ["site"]
