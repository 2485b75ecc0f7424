"""What is known of database systems: their names, ports, dialects and verbs, as `databases.toml` says."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class System:
    """One database system."""

    name: str
    reads: frozenset[str]  #: verbs, in capitals
    writes: frozenset[str]
    repeatable: frozenset[str]  #: writes that change nothing the second time
    dialect: str = ""  #: of the SQL parser
    port: int | None = None  #: where it listens unless told otherwise
    speaks_sql: bool = True
    escapes: str = ""  #: how a quote gets into a string: `doubled`, `backslash`, or nobody knows
    quotes_strings: bool = False  #: what stands in double quotes is a value, no name


def _system(row: Mapping[str, Any], verbs: Mapping[str, list[str]]) -> System:
    lists = {name: frozenset(row.get(name, verbs[name])) for name in ("reads", "writes", "repeatable")}
    return System(
        row["names"][0],
        **lists,
        dialect=row.get("dialect", ""),
        port=row.get("port"),
        speaks_sql=row.get("text", "sql") == "sql",
        escapes=row.get("escapes", ""),
        quotes_strings=row.get("quotes") == "string",
    )


@lru_cache(maxsize=1)
def _table() -> tuple[Mapping[str, System], Mapping[str, list[str]]]:
    known = tomllib.loads(files("collectors.otlp").joinpath("databases.toml").read_text())
    rows = [(row, _system(row, known["sql"])) for row in known["system"]]
    return {name: system for row, system in rows for name in row["names"]}, known["sql"]


@lru_cache(maxsize=1024)
def system_of(name: str) -> System:
    """A system by any of its names; one that is not known speaks plain SQL."""
    systems, verbs = _table()
    return systems.get(name.lower()) or _system({"names": [name.lower()]}, verbs)
