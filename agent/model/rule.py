"""What a rule is: a pure function from one subject (found by its parameter's type) to a verdict."""

import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from agent.model.verdict import Evidence, Severity, Verdict


class Stability(StrEnum):
    """`preview` is judged and shown, never pages."""

    PREVIEW = "preview"
    STABLE = "stable"


@dataclass(frozen=True, slots=True)
class Hold:
    """How long a verdict must fail before its finding opens, and meet before it is resolved."""

    before_open: timedelta
    before_resolved: timedelta
    rounds: int = 1  #: failing rounds before it opens, whatever the time


HARM = Hold(timedelta(0), timedelta(hours=24))
SLOW = Hold(timedelta(minutes=10), timedelta(hours=1))
LAG = Hold(timedelta(0), timedelta(minutes=10))
GOVERNANCE = Hold(timedelta(0), timedelta(0), rounds=2)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule with what it declares about itself."""

    id: str
    name: str  #: the trouble, in words joined by hyphens
    title: str  #: the first line of its docstring
    pitfall: str  #: its folder
    severity: Severity
    evidence: Evidence
    stability: Stability
    pages: bool  #: may wake someone (RULES: a fixed list), once stable
    hold: Hold
    lookback: timedelta  #: how far it reads into the past
    subject: type
    config: type
    judge: Callable[[Any, Any], Verdict]

    @property
    def defaults(self) -> Any:  # the config classes differ by rule
        """Its thresholds as shipped."""
        return self.config()


def rule(
    rule_id: str,
    *,
    severity: Severity,
    evidence: Evidence,
    config: type,
    hold: Hold,
    lookback: timedelta,
    stability: Stability = Stability.PREVIEW,
    pages: bool = False,
) -> Callable[[Callable[[Any, Any], Verdict]], Rule]:
    """Declare a rule; its subject is the type of the function's first parameter."""

    def declare(function: Callable[[Any, Any], Verdict]) -> Rule:
        hints = typing.get_type_hints(function)
        first = next(iter(inspect.signature(function).parameters))
        folder = function.__module__.split(".")
        return Rule(
            id=rule_id,
            name=folder[-2].replace("_", "-") if len(folder) > 2 else function.__name__.replace("_", "-"),
            title=(function.__doc__ or "").strip().splitlines()[0],
            pitfall=folder[-3] if len(folder) > 2 else "",
            severity=severity,
            evidence=evidence,
            stability=stability,
            pages=pages,
            hold=hold,
            lookback=lookback,
            subject=hints[first],
            config=config,
            judge=function,
        )

    return declare
