"""What may be kept of a Java stack trace: which exceptions; what they say may hold a record or a password."""

import re

MOST = 5  #: exceptions of a chain
_HEAD = re.compile(r"(?:Caused by: )?((?:[a-z_]\w{0,60}\.){1,12}[A-Z][\w$]{0,120})(?::[ ]?(.*))?")
#: What Connect itself says of any connector, word by word.
_HARMLESS = (
    "Tolerance exceeded in error handler",
    "Exiting WorkerSinkTask due to unrecoverable exception.",
    "Unrecoverable exception from producer send callback",
    "Unrecoverable exception while trying to restart this task",
)


def exceptions(trace: str) -> list[str]:
    """The classes of a trace, what was thrown first and then what caused it."""
    lines = trace.split("\n")
    heads = [_HEAD.fullmatch(line.rstrip()) for line in (*lines[:1], *filter(_is_cause, lines[1:]))]
    return [found[1] for found in heads if found][:MOST]


def short(trace: str) -> str:
    """The classes, one a line, and of what is said only what every connector's trace may say."""
    said = _HEAD.fullmatch(trace.partition("\n")[0].rstrip())
    first, *causes = exceptions(trace) or ["unknown"]
    words = said[2] if said and said[2] in _HARMLESS else ""
    return "\n".join([f"{first}: {words}" if words else first, *(f"Caused by: {cause}" for cause in causes)])


def _is_cause(line: str) -> bool:
    return line.startswith("Caused by: ")
