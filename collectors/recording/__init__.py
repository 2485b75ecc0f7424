"""Recordings: what pull collectors saw, read line by line; never asks anyone, never holds more than a line."""
