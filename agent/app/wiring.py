"""Names the plugins: which collectors and rules there are, and how settings reach them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import rules
from agent.config import ConfigError, Problem, Settings
from agent.engine.catalogue import discover
from agent.engine.round import configured
from agent.model.rule import Rule
from collectors.otlp.conventions import Names
from collectors.otlp.decode import Decoder


@lru_cache(maxsize=1)
def catalogue() -> tuple[Rule, ...]:
    """Every rule, by ID."""
    return discover(rules)


def decoder(settings: Settings | None) -> Decoder:
    """The decoder of traces, with the names that the configuration gives."""
    if settings is None:
        return Decoder()
    clusters = {cluster_id: name for name, cluster_id in settings.clusters.items() if cluster_id}
    return Decoder(Names(clusters=clusters, databases=dict(settings.databases)))


def thresholds(settings: Settings | None) -> Mapping[str, Mapping[str, Any]]:
    """The thresholds that the configuration changes; raise ConfigError for those that no rule has."""
    if settings is None:
        return {}
    known = {rule.id: rule for rule in catalogue()}
    problems = []
    for rule_id, changed in settings.rules.items():
        where = settings.origins.get(f"rules.{rule_id}", "configuration")
        try:
            if rule_id not in known:
                problems.append(_problem(where, rule_id, f'there is no rule "{rule_id}"', ", ".join(known)))
            else:
                configured(known[rule_id], changed)
        except ValueError as problem:
            problems.append(_problem(where, rule_id, str(problem), ""))
    if problems:
        raise ConfigError(tuple(problems))
    return settings.rules


def _problem(where: str, rule_id: str, what: str, hint: str) -> Problem:
    file, _, line = where.rpartition(":")
    return Problem(file or where, int(line) if line.isdigit() else 0, 0, f"rules.{rule_id}", what, hint)


def chosen(rule_ids: Sequence[str]) -> tuple[Rule, ...]:
    """Some rules by ID, or all."""
    return tuple(rule for rule in catalogue() if not rule_ids or rule.id in rule_ids)
