"""Names the plugins, and turns what the configuration says into what the rooms take."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import rules
from agent.config import ConfigError, workflow
from agent.config import load as loading
from agent.config.problem import Problem, nearest, quoted
from agent.config.settings import Settings
from agent.config.words import MAX_WHOLE
from agent.engine.catalogue import discover
from agent.engine.round import configured
from agent.model.declared import Declarations
from agent.model.rule import Rule
from collectors.otlp.budget import Budget
from collectors.otlp.conventions import Names
from collectors.otlp.decode import Decoder


def settings_of(config_path: Path | None) -> Settings:
    """The settings in force; raise ConfigError with every mistake, those of what they lead to included.

    Where the settings themselves are right, what they lead to is left to whoever uses it: a mistake in a workflow file
    must not keep anybody from acknowledging a finding.
    """
    found = loading.look(config_path, os.environ)
    if found.problems:
        raise ConfigError(_everything(found))
    return found.settings


def checked_settings(config_path: Path | None) -> Settings:
    """The settings in force; raise ConfigError with every mistake in them, in the rules' thresholds and in every
    workflow file that they name.
    """
    found = loading.look(config_path, os.environ)
    problems = _everything(found)
    if problems:
        raise ConfigError(problems)
    return found.settings


def _everything(found: loading.Found) -> tuple[Problem, ...]:
    _, flows = workflow.load_configured(found.settings)
    own = found.settings.file
    there = [*found.problems, *_thresholds(found.settings)]
    problems = [*there, *(one for one in flows if one.file == own)]
    problems.sort(key=lambda one: (one.line, one.column))
    return (*problems, *(one for one in flows if one.file != own))


def declared_by(settings: Settings) -> Declarations:
    """What the configured workflow files declare; raise ConfigError with every mistake."""
    return _good(workflow.load_configured(settings)) if settings.workflows else Declarations()


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


def decoder(settings: Settings | None, budget: Budget | None = None) -> Decoder:
    """The decoder of traces, with the names that the configuration gives and the time there is for new statements."""
    if settings is None:
        return Decoder(budget=budget)
    return Decoder(Names(clusters=settings.cluster_names(), databases=settings.server_aliases()), budget=budget)


def thresholds(settings: Settings | None) -> Mapping[str, Mapping[str, Any]]:
    """The thresholds that the configuration changes; raise ConfigError for those that no rule has."""
    if settings is None:
        return {}
    problems = tuple(_thresholds(settings))
    if problems:
        raise ConfigError(problems)
    return settings.rules


def _thresholds(settings: Settings) -> Iterator[Problem]:
    known = {rule.id: rule for rule in catalogue()}
    for rule_id, changed in settings.rules.items():
        if rule_id in known:
            yield from _changed(settings, known[rule_id], changed)
            continue
        hint = nearest(rule_id, known) or f"There are {', '.join(known)}."
        yield settings.misnamed(f"rules.{rule_id}", f"there is no rule {quoted(rule_id)}", hint)


def _changed(settings: Settings, rule: Rule, changed: Mapping[str, Any]) -> Iterator[Problem]:
    names = [field.name for field in fields(rule.config)]
    for name, value in changed.items():
        key = f"rules.{rule.id}.{name}"
        if name not in names:
            hint = nearest(name, names) or (f"It has {', '.join(names)}." if names else "It has none.")
            yield settings.misnamed(key, f"{rule.id} has no threshold {quoted(name)}", hint)
            continue
        default = getattr(rule.defaults, name)
        if not _fits(rule, name, value, default):
            kind, example = _kind(default)
            yield settings.problem(key, f"{key} is {quoted(value)}, not {kind}", f"Write {kind}, such as {example}.")
        elif takes := _beyond(rule, name, value):
            yield settings.problem(key, f"{key} is {quoted(value)}; it takes {takes}")


def _fits(rule: Rule, name: str, value: Any, default: Any) -> bool:
    try:
        configured(rule, {name: value})
    except (ValueError, TypeError, OverflowError):
        return False
    return isinstance(value, bool) == isinstance(default, bool)


def _beyond(rule: Rule, name: str, value: Any) -> str:
    """What a threshold takes, where a value is a number beyond it: durations, counts and ages are never negative."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    share = name in getattr(rule.config, "SHARES", ())
    if 0 <= value <= (1 if share else MAX_WHOLE):
        return ""
    seconds = " seconds" if isinstance(getattr(rule.defaults, name), timedelta) else ""
    return "a share from 0 to 1" if share else f"0{seconds} or more, up to 2^53" if value > 0 else f"0{seconds} or more"


def _kind(default: Any) -> tuple[str, str]:
    """What a threshold takes, in words, and its default as one writes it."""
    if isinstance(default, timedelta):
        return "a number of seconds", f"{default.total_seconds():g}"
    if isinstance(default, bool):
        return "true or false", str(default).lower()
    kinds = {int: "a whole number", float: "a number", str: "a text"}
    return kinds.get(type(default), "a value of its kind"), str(default)
