"""Rules are found by their folders; what is no rule's folder is named."""

import dataclasses
import importlib
import re
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

import collectors
import rules
from agent.engine import catalogue
from agent.engine.catalogue import CatalogueError

RULE = '''"""A rule."""
from dataclasses import dataclass
from datetime import timedelta
from agent.model.rule import SLOW, rule
from agent.model.subjects import Table
from agent.model.verdict import Evidence, Severity, Verdict, fails_when
@dataclass(frozen=True)
class Config:
    """None."""
@rule("{id}", severity=Severity.LOW, evidence=Evidence.INFERRED, config=Config, hold=SLOW, lookback=timedelta(hours=1))
def {name}(table: Table, cfg: Config) -> Verdict:
    """A trouble."""
    return fails_when(says="It fails.")
'''
NUMBER = count()


class Shelf:
    """A package of rules, written to a folder of the test."""

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._root = root / name
        self._root.mkdir()
        (self._root / "__init__.py").write_text("")

    def put(self, pitfall: str, name: str, rule_id: str) -> Path:
        folder = self._root / pitfall / name
        folder.mkdir(parents=True)
        for package in (folder.parent, folder):
            (package / "__init__.py").write_text("")
        (folder / "rule.py").write_text(RULE.format(id=rule_id, name=name))
        (folder / "cases.toml").write_text("")
        (folder / "README.md").write_text(f"# {rule_id}\n")
        return folder

    def load(self) -> ModuleType:
        importlib.invalidate_caches()
        return importlib.import_module(self.name)


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.syspath_prepend(str(tmp_path))
    name = f"shelf{next(NUMBER)}"
    yield Shelf(tmp_path, name)
    for module in [loaded for loaded in sys.modules if loaded.split(".")[0] == name]:
        del sys.modules[module]


def test_our_own_rules_are_found_in_the_order_of_their_ids() -> None:
    found = [rule.id for rule in catalogue.discover(rules)]
    assert found == sorted(found)
    assert {"IDM-01", "IDM-02", "TRC-01", "DLQ-01", "LAG-01", "GOV-01"} <= set(found)
    assert [rule for rule in found if rule.startswith("SCH")] == ["SCH-01", "SCH-02", "SCH-03", "SCH-04"]


def test_a_folder_is_a_rule_with_its_name_and_pitfall(shelf: Shelf) -> None:
    shelf.put("growth", "too_many", "GRW-98")
    shelf.put("cost", "too_dear", "CST-98")
    found = catalogue.discover(shelf.load())
    assert [(rule.id, rule.name, rule.pitfall) for rule in found] == [
        ("CST-98", "too-dear", "cost"),
        ("GRW-98", "too-many", "growth"),
    ]
    assert catalogue.readme(found[0]) == "# CST-98\n"
    assert catalogue.cases(found[0]) == ""


def test_an_id_given_twice_is_refused(shelf: Shelf) -> None:
    shelf.put("growth", "too_many", "GRW-98")
    shelf.put("growth", "too_few", "GRW-98")
    with pytest.raises(CatalogueError, match=r"too_few and .*too_many are both GRW-98. An ID is never reused"):
        catalogue.discover(shelf.load())


@pytest.mark.parametrize("missing", ["rule.py", "cases.toml", "README.md"])
def test_a_folder_that_lacks_a_file_is_refused(shelf: Shelf, missing: str) -> None:
    (shelf.put("growth", "too_many", "GRW-98") / missing).unlink()
    with pytest.raises(CatalogueError, match=rf"growth.too_many has no {missing}"):
        catalogue.discover(shelf.load())


def test_a_folder_holds_one_rule(shelf: Shelf) -> None:
    (shelf.put("growth", "too_many", "GRW-98") / "rule.py").write_text("")
    with pytest.raises(CatalogueError, match="declares 0 rules"):
        catalogue.discover(shelf.load())


FOLDER = Path(next(iter(rules.__path__)))
TEXTS = sorted(path for kind in ("rule.py", "README.md") for path in FOLDER.rglob(kind))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: "/".join(path.parts[-3:]))
def test_what_a_rule_tells_names_neither_a_collector_nor_a_rule_that_is_not_there(path: Path) -> None:
    text = path.read_text()
    there = {folder.name for folder in Path(next(iter(collectors.__path__))).iterdir()}
    assert {name.lower() for name in re.findall(r"(\w+)[ -]collector", text)} <= there
    known = {rule.id for rule in catalogue.discover(rules)}
    assert set(re.findall(r"\b[A-Z]{3}-\d\d\b", text)) <= known


def test_every_threshold_that_is_shipped_below_one_says_that_it_is_a_share() -> None:
    for rule in catalogue.discover(rules):
        low = {
            name for name, value in dataclasses.asdict(rule.defaults).items() if isinstance(value, float) and value <= 1
        }
        assert low == set(getattr(rule.config, "SHARES", ())), rule.id
