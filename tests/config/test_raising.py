"""What the room offers to callers who want a value or an exception."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import agent.config
from agent.config import (
    ConfigError,
    Problem,
    load_settings,
    load_workflows,
    looks_like_workflow,
    parse_workflows,
    schema,
    workflow_files,
)


def test_settings_are_loaded_or_every_mistake_is_raised(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text("rounds: {every: 5m}\n")
    assert load_settings(file, {"SEAMWATCH_LIMITS__SEAMS": "7"}).limits.seams == 7
    file.write_text("wat: 1\nlog: {level: inf}\n")
    with pytest.raises(ConfigError) as raised:
        load_settings(file, {"SEAMWATCH_STORE_URL": "x"})
    assert [problem.key for problem in raised.value.problems] == ["", "wat", "log.level"]
    assert str(raised.value).count("\n") == 2
    assert all(isinstance(problem, Problem) for problem in raised.value.problems)


def test_a_named_file_that_is_not_there_is_raised(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not exist\. Name a YAML file\."):
        load_settings(tmp_path / "none.yaml", {})


def test_configured_globs_become_files_and_files_become_declarations(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    for name in ("b", "a"):
        (tmp_path / "flows" / f"{name}.yaml").write_text(f"workflows: [{{name: {name}}}]")
    (tmp_path / "seamwatch.yaml").write_text("workflows: ['flows/*.yaml']")
    files = workflow_files(load_settings(tmp_path / "seamwatch.yaml", {}))
    assert [file.name for file in files] == ["a.yaml", "b.yaml"]
    assert [flow.name for flow in load_workflows(files).workflows] == ["a", "b"]


def test_a_glob_that_finds_nothing_is_raised(tmp_path: Path) -> None:
    (tmp_path / "seamwatch.yaml").write_text("workflows: ['flows/*.yaml']")
    with pytest.raises(ConfigError, match="matches no file"):
        workflow_files(load_settings(tmp_path / "seamwatch.yaml", {}))


def test_the_mistakes_of_all_workflow_files_are_raised_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("workflows: [{nam: a}]")
    with pytest.raises(ConfigError) as raised:
        load_workflows([tmp_path / "a.yaml", tmp_path / "none.yaml"])
    assert len(raised.value.problems) == 3, "no name, an unknown key, a missing file"


def test_a_name_declared_in_two_files_is_raised_with_both_places() -> None:
    flow = "workflows:\n  - name: a\n"
    with pytest.raises(ConfigError) as raised:
        parse_workflows([("one.yaml", flow), ("two.yaml", "\n" + flow)])
    [problem] = map(str, raised.value.problems)
    assert problem.startswith("two.yaml, line 3, column 11: ")
    assert "one.yaml, line 2" in problem


def test_no_file_is_not_an_empty_file() -> None:
    assert not parse_workflows([]).loaded
    assert not load_workflows([]).loaded
    assert parse_workflows([("w.yaml", "")]).loaded


def test_the_room_says_what_it_offers() -> None:
    assert all(hasattr(agent.config, name) for name in agent.config.__all__)
    assert looks_like_workflow("workflows: [{name: a}]")
    assert schema("config")["title"] != schema("workflow")["title"]


@given(st.lists(st.tuples(st.just("w.yaml"), st.text() | st.text().map("workflows:".__add__)), max_size=3))
def test_no_text_raises_anything_but_a_config_error(texts: list[tuple[str, str]]) -> None:
    declared = None
    problems: tuple[Problem, ...] = ()
    try:
        declared = parse_workflows(texts)
    except ConfigError as wrong:
        problems = wrong.problems
    assert bool(problems) is (declared is None)
    assert all("\n" not in str(problem) for problem in problems)
