"""The rules that exist, found by their folders. No list, no registry: to add a rule, make one folder."""

import importlib
import itertools
import pkgutil
from collections.abc import Iterator, Sequence
from importlib import resources
from types import ModuleType

from agent.model.rule import Rule


class CatalogueError(Exception):
    """A folder of the rules is not what a rule's folder must be; says which, and what to do."""


def discover(package: ModuleType) -> tuple[Rule, ...]:
    """Every rule below a package (`<pitfall>/<rule>/rule.py`), sorted by ID.

    Raises CatalogueError for a folder without rule.py, cases.toml or README.md, and for an ID given twice.
    """
    rules = sorted(_rules(package), key=lambda found: found.id)
    for one, other in itertools.pairwise(rules):
        if one.id == other.id:
            msg = f"{_package(one)} and {_package(other)} are both {one.id}. An ID is never reused: give one a new ID."
            raise CatalogueError(msg)
    return tuple(rules)


def readme(rule: Rule) -> str:
    """The text of a rule's README.md."""
    return _text(rule, "README.md")


def cases(rule: Rule) -> str:
    """The text of a rule's cases.toml."""
    return _text(rule, "cases.toml")


def _rules(package: ModuleType) -> Iterator[Rule]:
    for pitfall in _folders(package.__path__):
        inside = importlib.import_module(f"{package.__name__}.{pitfall}")
        for folder in _folders(inside.__path__):
            yield _rule(f"{inside.__name__}.{folder}")


def _folders(path: Sequence[str]) -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(path) if module.ispkg)


def _rule(folder: str) -> Rule:
    for needed in ("rule.py", "cases.toml", "README.md"):
        if not resources.files(folder).joinpath(needed).is_file():
            msg = f"{folder} has no {needed}. A rule's folder holds rule.py, cases.toml and README.md: add it."
            raise CatalogueError(msg)
    module = importlib.import_module(f"{folder}.rule")
    found = [value for value in vars(module).values() if isinstance(value, Rule)]
    if len(found) != 1:
        msg = f"{folder}.rule declares {len(found)} rules. Declare one: a second trouble is a folder of its own."
        raise CatalogueError(msg)
    return found[0]


def _package(rule: Rule) -> str:
    return rule.judge.__module__.rpartition(".")[0]


def _text(rule: Rule, name: str) -> str:
    return resources.files(_package(rule)).joinpath(name).read_text(encoding="utf-8")
