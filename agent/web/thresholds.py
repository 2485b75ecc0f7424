"""A rule's thresholds with the reason that stands beside each in its `Config`."""

import dataclasses
import inspect
import re
from dataclasses import dataclass
from functools import lru_cache

from agent.model.rule import Rule

_FIELD = re.compile(r"^    (\w+): .*?(?:#: (.*))?$")
_ABOVE = re.compile(r"^    #: (.*)$")


@dataclass(frozen=True, slots=True)
class Threshold:
    """One threshold as shipped."""

    name: str
    value: object
    why: str  #: its source and reason; empty where none is written


@lru_cache(maxsize=256)
def thresholds(rule: Rule) -> tuple[Threshold, ...]:
    """Every threshold, in the order of its declaration."""
    reasons = _reasons(rule.config)
    return tuple(
        Threshold(field.name.replace("_", " "), getattr(rule.defaults, field.name), reasons.get(field.name, ""))
        for field in dataclasses.fields(rule.config)
    )


def _reasons(config: type) -> dict[str, str]:
    try:
        lines = inspect.getsource(config).splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    above: list[str] = []
    for line in lines:
        if told := _ABOVE.match(line):
            above.append(told[1])
        elif named := _FIELD.match(line):
            found[named[1]] = named[2] or " ".join(above)
            above = []
    return found
