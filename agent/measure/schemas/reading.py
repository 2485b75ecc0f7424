"""The one question: whether a reader with one version of a schema reads what was written with another."""

import hashlib
from collections.abc import Sequence

from agent.measure.schemas.comparison import (
    MOST_TEXT,
    READABLE,
    Break,
    Comparison,
    NotNowError,
    UncomparableError,
    loaded,
    named,
)
from agent.model.schemas import SchemaVersion

_KEPT = 20_000  #: comparisons remembered: a registry is asked anew each round and changes once a week
_known: dict[bytes, Comparison] = {}


def reads(reader: SchemaVersion, writer: SchemaVersion) -> Comparison:
    """Compare two versions; what cannot be compared is told as such, and nothing is raised."""
    for version in (reader, writer):
        if version.text is None:
            return Comparison(unsure=f"the text of version {version.number} was not seen")
        if version.references is None or (_kind(version) == "PROTOBUF" and version.imports is None):
            return Comparison(unsure=f"a schema that version {version.number} refers to was not seen")
    if _parts(reader) == _parts(writer):
        return READABLE
    key = _key([*_parts(reader), "\0", *_parts(writer)])
    found = _known.get(key)
    if found is None:
        if len(_known) >= _KEPT:
            _known.clear()
        try:
            found = _known[key] = _compared(reader, writer)
        except NotNowError as problem:
            return Comparison(unsure=str(problem))
    return found


def _kind(version: SchemaVersion) -> str:
    return version.type.upper() or "AVRO"


def _parts(version: SchemaVersion) -> list[str]:
    kind = _kind(version)
    beside = version.references if kind != "PROTOBUF" else [part for pair in version.imports or () for part in pair]
    return [kind, version.text or "", *(beside or ())]


def _key(parts: Sequence[str]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "big") + text)
    return digest.digest()


def _compared(reader: SchemaVersion, writer: SchemaVersion) -> Comparison:
    read, written = _parts(reader), _parts(writer)
    if read[0] != written[0]:
        return Comparison((Break("/", f"{named(written[0])} is written and {named(read[0])} is read"),))
    try:
        if max(sum(map(len, parts)) for parts in (read, written)) > MOST_TEXT:
            return Comparison(unsure="it is too long")
        return _of_kind(read[0], read[1:], written[1:])
    except NotNowError:
        raise
    except UncomparableError as problem:
        return Comparison(unsure=str(problem))
    except RecursionError:
        return Comparison(unsure="it is nested too deep")


def _of_kind(kind: str, read: Sequence[str], written: Sequence[str]) -> Comparison:
    if kind == "AVRO":
        from agent.measure.schemas.avro_check import check
        from agent.measure.schemas.avro_tree import Tree

        return check(Tree(read[0], read[1:]), Tree(written[0], written[1:]))
    if kind == "JSON":
        from agent.measure.schemas import json_check

        return json_check.check(loaded(read[0]), loaded(written[0]), referenced=read[1:] == written[1:])
    if kind == "PROTOBUF":
        from agent.measure.schemas import protobuf_check

        return protobuf_check.check(
            *((one[0], tuple(zip(one[1::2], one[2::2], strict=True))) for one in (read, written))
        )
    return Comparison(unsure=f"the type {named(kind)} is not compared here")
