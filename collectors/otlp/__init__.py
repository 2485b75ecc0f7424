"""OTLP: takes traces over HTTP; never asks, never changes the sender."""
