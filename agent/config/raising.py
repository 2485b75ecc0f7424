"""The readers for callers who want a value or an exception: ConfigError carries every problem at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.config import load, workflow
from agent.config.problem import Problem
from agent.config.settings import Settings
from agent.config.yamlfile import read
from agent.model.declared import Declarations


class ConfigError(Exception):
    """The configuration or a declaration has mistakes; its text is all of them, one a line."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """The settings in force; raise ConfigError. A named file must exist, `seamwatch.yaml` is read where it is there."""
    found = load.load(path, environ)
    if isinstance(found, tuple):
        raise ConfigError(found)
    return found


def workflow_files(settings: Settings) -> tuple[Path, ...]:
    """The files that the configured paths and globs name; raise ConfigError for one that names none."""
    files, problems = workflow.find(settings.workflows, settings.base)
    if problems:
        raise ConfigError(problems)
    return files


def load_workflows(paths: Sequence[Path]) -> Declarations:
    """What some files declare; raise ConfigError with the problems of all of them."""
    return _good(workflow.declarations(read(path) for path in paths))


def parse_workflows(texts: Sequence[tuple[str, str]]) -> Declarations:
    """What some texts declare, as (file name, text); raise ConfigError with the problems of all of them."""
    return _good(workflow.declare(texts))


def _good(result: tuple[Declarations, tuple[Problem, ...]]) -> Declarations:
    declared, problems = result
    if problems:
        raise ConfigError(problems)
    return declared
