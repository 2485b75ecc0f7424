"""A rule's stories as rows: what each case is, why it exists, and what the rule says of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent.engine.catalogue import cases
from agent.engine.stories import read
from agent.model.rule import Rule
from agent.model.verdict import Outcome, Verdict
from agent.web.words import plain

_OUTCOMES = list(Outcome)


@dataclass(frozen=True, slots=True)
class Told:
    """One story and its verdict."""

    name: str
    why: str
    outcome: str
    says: str


@lru_cache(maxsize=256)
def told(rule: Rule) -> tuple[Told, ...]:
    """Every story of a rule, the failing ones first; a story that cannot be judged fails a test, never a page."""
    rows = [(story, story.judge()) for story in read(rule, cases(rule))]
    rows.sort(key=lambda row: _OUTCOMES.index(row[1].outcome))
    return tuple(
        Told(story.name.replace("_", " "), story.why, verdict.outcome.value, _says(verdict)) for story, verdict in rows
    )


def few(rule: Rule, each: int = 3) -> tuple[Sequence[Told], Sequence[Told]]:
    """The first few stories of each outcome, and the others."""
    rows = told(rule)
    first = [row for outcome in _OUTCOMES for row in [one for one in rows if one.outcome == outcome.value][:each]]
    return first, [row for row in rows if row not in first]


def _says(verdict: Verdict) -> str:
    if verdict.outcome is Outcome.MEETS and verdict.why_not:
        return plain(verdict.why_not)
    return plain("; ".join(verdict.missing)) if verdict.outcome is Outcome.BLIND else verdict.says
