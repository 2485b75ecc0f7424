"""Versions of a schema as a registry told them."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaVersion:
    """One version of a subject; its texts are compared, never shown."""

    number: int
    type: str = "AVRO"  #: registries name no type where it is Avro
    text: str | None = None
    references: tuple[str, ...] | None = ()  #: texts it refers to, what they refer to first; None: one was not seen
    imports: tuple[tuple[str, str], ...] | None = ()  #: names by which it and they import texts; None: one was not told
    age: timedelta | None = None  #: since it appeared; None where it was there before anyone looked
    at_least: timedelta = timedelta(0)  #: it is no younger
