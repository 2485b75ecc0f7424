"""Texts made to be slow or to leak: `scan` reads files that strangers wrote."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from agent.config.problem import Problem, quoted
from agent.config.workflow import declare, looks_like_workflow
from agent.config.yamlfile import MAX_BYTES, Document, parse

pytestmark = pytest.mark.slow

SECONDS = 30  # what these texts took before was hours; a busy machine is no failure


@contextmanager
def soon() -> Iterator[None]:
    """Fail, instead of hanging, what does not end."""

    def late(_signal: int, _frame: FrameType | None) -> None:
        msg = f"did not end within {SECONDS} seconds"
        raise AssertionError(msg)

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def wrong(text: str | bytes) -> tuple[Problem, ...]:
    found = parse(text, "x.yaml")
    problems = found.told(()) if isinstance(found, Document) else found
    assert problems
    return problems


BROKEN = "\n\ty: ["  # so that only the words are left to tell what file it is


@pytest.mark.parametrize(
    "text",
    [
        "workflows:" + "#" * 2_000 + BROKEN,
        "workflows:\n" + "# a # b # c\n" * 2_000 + BROKEN,
        "workflows:" + "\n" * 200_000 + BROKEN,
        "workflows:\n" * 60_000 + BROKEN,
        ("{" + "\n" * 50) * 10_000,
        "workflows: " + "{" * 300_000,
    ],
)
def test_no_text_keeps_the_recogniser_busy(text: str) -> None:
    with soon():
        assert looks_like_workflow(text) is False


def test_comments_before_the_first_item_do_not_hide_a_broken_workflow_file() -> None:
    assert looks_like_workflow("workflows:  # ours\n  # the first\n\n  - name: a\n" + BROKEN)


@pytest.mark.parametrize("line", ["LLL-" * 1_000 + "!", "LLL" * 1_000, "MON-" * 900 + "?", "* " * 2_000, "W" * 4_000])
def test_no_cron_line_keeps_the_reader_busy(line: str) -> None:
    with soon():
        _, problems = declare([("w.yaml", f"workflows: [{{name: a, cadence: '{line}'}}]")])
    assert len(problems) == 1


@pytest.mark.parametrize("line", ["0 2 * * WED", "0 0 L * *", "0 0 15W * *", "0 0 L-3 JAN-MAR *", "0 0 * * MON#2"])
def test_letters_of_cron_are_read(line: str) -> None:
    assert declare([("w.yaml", f"workflows: [{{name: a, cadence: '{line}'}}]")])[1] == ()


@pytest.mark.parametrize("value", ["://:" * 200_000, "k" * 500_000])
def test_a_huge_text_is_told_by_its_length_only(value: str) -> None:
    with soon():
        [problem] = declare([("w.yaml", f"workflows: [{{name: a, cadence: '{value}'}}]")])[1]
    assert f"workflows.a.cadence is a text of {len(value):,} characters" in str(problem)


def test_a_huge_key_is_shortened_in_the_sentence() -> None:
    for text in (f"? {'k' * 500_000}\n: 1", f"workflows: [{{name: a, ? {'k' * 500_000} : 1}}]"):
        with soon():
            assert all(len(str(problem)) < 500 for problem in declare([("w.yaml", text)])[1])


def test_many_duplicate_keys_are_told_quickly_and_the_list_is_cut() -> None:
    text = "a:\n" + "".join(f" k{n}: 1\n" for n in range(30_000)) + " z: {" + "x: 1, " * 30_000 + "x: 1}"
    with soon():
        problems = wrong(text)
    assert len(problems) == 101
    assert problems[0].key == "a.z.x"
    assert str(problems[-1]) == "x.yaml: 29900 more problems are not shown. Mend the first ones."


def test_a_duplicate_below_a_duplicate_knows_its_path() -> None:
    assert [problem.key for problem in wrong("b: 1\nb:\n  - {c: {d: 1, d: 2}}\n")] == ["b", "b[0].c.d"]


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a: 1\nb: \x07", 2, 4), ("é: é\n" * 20 + "b: \x07", 21, 4), ("\U0001f600: 1\nbé: \x07", 2, 5)],
)
def test_a_forbidden_character_is_found_behind_letters_of_several_bytes(text: str, line: int, column: int) -> None:
    for data in (text, text.encode(), b"\xef\xbb\xbf" + text.encode()):
        [problem] = wrong(data)
        assert (problem.line, problem.column) == (line, column)
        assert "U+0007" in problem.what


@pytest.mark.parametrize(
    "url", ["pg://u:PASS@h", "pg://u:PA@PASS@h/d", "pg://u@corp:PASS@h", "pg://:PASS@h", "x pg://u:PASS@h y"]
)
def test_no_part_of_a_password_is_quoted(url: str) -> None:
    assert "PA" not in quoted(url)
    assert "***" in quoted(url)


def test_a_sentence_can_always_be_printed() -> None:
    problem = Problem("bad\udcffname.yaml", 1, 1, "a", f"a is {quoted('x' + chr(0xD800))}")
    assert str(problem).encode().decode() == 'bad name.yaml, line 1, column 1: a is "x ".'


@pytest.mark.parametrize(
    "sign", ["[", "{", "- ", "? ", "a: ", "&a ", "*a\n", "!t ", "'", '"', "|\n", "#", "\t", "é", "\r"]
)
def test_a_whole_file_of_one_sign_is_read_or_refused(sign: str) -> None:
    text = sign * (MAX_BYTES // len(sign.encode()))
    with soon():
        found = parse(text, "x.yaml")
        assert looks_like_workflow(text) is False
    assert isinstance(found, Document) or all("\n" not in str(problem) for problem in found)


def test_two_megabytes_are_refused_before_they_are_parsed() -> None:
    for data in ("a: 1\n" * 400_000, b"a: 1\n" * 400_000):
        assert [str(problem) for problem in wrong(data)] == [
            "x.yaml: is larger than 1 MiB. Split it into several files."
        ]
