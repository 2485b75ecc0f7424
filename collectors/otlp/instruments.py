"""The capability table: which absence is a finding and which is the instrument's limit."""

import tomllib
from functools import lru_cache
from importlib.resources import files

from agent.model.columns import Instrument

_FIELDS = ("carries_context", "names_group", "gives_identity", "attaches_handler", "keeps_context")


@lru_cache(maxsize=1)
def _table() -> tuple[tuple[str, Instrument, bool], ...]:
    rows = tomllib.loads(files("collectors.otlp").joinpath("instruments.toml").read_text())["instrument"]
    return tuple(
        (row["scope"], Instrument(**{name: row.get(name) for name in _FIELDS}), bool(row.get("receive_counts")))
        for row in rows
    )


@lru_cache(maxsize=1024)
def instrument_of(scope: str) -> tuple[Instrument, bool]:
    """What a scope can show, and whether its receive span stands for the delivery."""
    for prefix, instrument, receive_counts in _table():
        if scope == prefix or scope.startswith((f"{prefix}-", f"{prefix}.", f"{prefix}/")):
            return instrument, receive_counts
    return Instrument(), False
