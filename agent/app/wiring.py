"""Names the plugins, and turns what the configuration says into what the rooms take."""

import os
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import rules
from agent.config import ConfigError, workflow
from agent.config import load as loading
from agent.config.problem import Problem
from agent.config.settings import Settings
from agent.engine.catalogue import discover
from agent.engine.round import configured
from agent.model.declared import Declarations
from agent.model.rule import Rule
from collectors.otlp.conventions import Names
from collectors.otlp.decode import Decoder


def settings_of(config_path: Path | None) -> Settings:
    """The settings in force; raise ConfigError with every mistake."""
    found = loading.load(config_path, os.environ)
    if isinstance(found, tuple):
        raise ConfigError(found)
    return found


def declared_by(settings: Settings) -> Declarations:
    """What the configured workflow files declare; raise ConfigError with every mistake."""
    return _good(workflow.load(settings.workflows, settings.base)) if settings.workflows else Declarations()


def declared_in(texts: Sequence[tuple[str, str]]) -> Declarations:
    """What some texts declare, by file name; raise ConfigError with every mistake."""
    return _good(workflow.declare(texts)) if texts else Declarations()


def _good(result: tuple[Declarations, tuple[Problem, ...]]) -> Declarations:
    declared, problems = result
    if problems:
        raise ConfigError(problems)
    return declared


@lru_cache(maxsize=1)
def catalogue() -> tuple[Rule, ...]:
    """Every rule, by ID."""
    return discover(rules)


def decoder(settings: Settings | None) -> Decoder:
    """The decoder of traces, with the names that the configuration gives."""
    if settings is None:
        return Decoder()
    return Decoder(Names(clusters=settings.cluster_names(), databases=settings.server_aliases()))


def thresholds(settings: Settings | None) -> Mapping[str, Mapping[str, Any]]:
    """The thresholds that the configuration changes; raise ConfigError for those that no rule has."""
    if settings is None:
        return {}
    known = {rule.id: rule for rule in catalogue()}
    problems = []
    for rule_id, changed in settings.rules.items():
        key = f"rules.{rule_id}"
        if rule_id not in known:
            problems.append(settings.problem(key, f'there is no rule "{rule_id}"', f"There are {', '.join(known)}."))
            continue
        try:
            configured(known[rule_id], changed)
        except ValueError as problem:
            problems.append(settings.problem(key, str(problem)))
    if problems:
        raise ConfigError(problems)
    return settings.rules
