"""Workflow files among others: known by their content; nothing crashes their reader."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config.contract import ComponentShape, WorkflowShape
from agent.config.workflow import declare, looks_like_workflow


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("workflows:\n  - name: a   # first\n    seams: []\n", True),
        ("teams:\n- name: a\n", True),
        ("workflows: []\n", True),
        ('{"workflows": [{"name": "a"}]}', True),
        ("workflows:\n  - name: a\n    x: [\n", True),
        ("components:\n  - component: x\n\ty", True),
        ("workflows:\n  - nam: a\n", True),
        ("workflows: ['workflows/*.yaml']\n", False),
        ("data_dir: x\nworkflows: []\n", False),
        ("openapi: 3.1.0\ncomponents:\n  schemas: {}\n", False),
        ("asyncapi: 3.0.0\ncomponents:\n  - x: y\n", False),
        ("services:\n  web: {}\n", False),
        ("policies:\n  - name: a\n", False),
        ('{"recording": 1}', False),
        ("", False),
        ("some words, and workflows: none of them", False),
        ("\0\1\2", False),
    ],
)
def test_a_workflow_file_is_known_by_its_content(text: str, answer: bool) -> None:
    assert looks_like_workflow(text) is answer


ANY: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["topic:a/b", "1h"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ENTRY = st.dictionaries(
    st.sampled_from(sorted({key.name for kind in (WorkflowShape, ComponentShape) for key in dataclasses.fields(kind)})),
    ANY,
    max_size=6,
)


@given(
    st.dictionaries(st.sampled_from(["workflows", "components", "teams", "x"]), st.lists(ENTRY | ANY, max_size=3) | ANY)
)
def test_no_file_crashes_the_reader(value: dict[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False)
    _, problems = declare([("w.yaml", text)])
    assert all("\n" not in str(problem) for problem in problems)
    assert looks_like_workflow(text) in (True, False)


@given(st.text())
def test_any_text_is_recognised_or_not(text: str) -> None:
    assert looks_like_workflow(text) in (True, False)
    assert looks_like_workflow("workflows:" + text) in (True, False)
