"""YAML 1.2 core words with their places; whatever a file holds, the answer is a value."""

import json
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from agent.config.problem import Problem, quoted
from agent.config.yamlfile import MAX_BYTES, MAX_DEPTH, Document, parse, read

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


def value(text: str | bytes) -> object:
    document = parse(text, "x.yaml")
    assert isinstance(document, Document), document
    return document.value


def wrong(text: str | bytes) -> list[str]:
    document = parse(text, "x.yaml")
    problems = document.problems if isinstance(document, Document) else document
    assert problems
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("word", "means"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("12", 12),
        ("-0", 0),
        ("0123", 123),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1:30:00", "1:30:00"),
        ("2026-05-01", "2026-05-01"),
        ("2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("+.INF", float("inf")),
        ("'12'", "12"),
        ('"true"', "true"),
        ("|\n  no\n", "no\n"),
        ("=", "="),
    ],
)
def test_plain_words_mean_what_the_core_schema_of_yaml_1_2_says(word: str, means: object) -> None:
    assert value(f"k: {word}") == {"k": means}
    assert type(value(f"k: {word}")["k"]) is type(means)  # type: ignore[index]  # a mapping, as above


def test_not_a_number_is_read_and_left_to_the_shape() -> None:
    [number] = value("[.nan]")  # type: ignore[misc]  # a list of one
    assert number != number  # that is what NaN is


def test_keys_are_always_texts() -> None:
    assert value("no: 1\n2: b\n~: c\n'': d") == {"no": 1, "2": "b", "~": "c", "": "d"}


def test_an_empty_file_is_null() -> None:
    assert value("") is None
    assert value("# only a comment\n") is None


def test_a_byte_order_mark_is_passed_over() -> None:
    assert value(b"\xef\xbb\xbfa: 1") == {"a": 1}
    assert value("\ufeffa: 1") == {"a": 1}


def test_every_value_and_key_knows_its_place() -> None:
    document = parse("a: 1\nb:\n  - c: x\n    d: y\n", "x.yaml")
    assert isinstance(document, Document)
    assert (document.place(("b", 0, "d")).line, document.place(("b", 0, "d")).column) == (4, 8)
    assert (document.key_place(("b", 0, "d")).line, document.key_place(("b", 0, "d")).column) == (4, 5)
    assert document.place(("b",)).line == 2, "a value of several lines is pointed at by its key"
    assert document.place(("b", 0, "nothing")).line == 3, "what is absent is pointed at by its parent"
    assert document.find(("b", 7)) is None


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (BOMB, 1, "an anchor (&a)"),
        ("a: 1\nb: *a", 2, "an alias (*a)"),
        ("a: &x", 1, "an anchor (&x)"),
        ("a: 1\n<<: {b: 1}", 2, "a merge key (<<)"),
        ("a: !!python/object/apply:os.system ['true']", 1, "a tag (tag:yaml.org,2002:python/object/apply:os"),
        ("a: !secret x", 1, "a tag (!secret)"),
        ("! a", 1, "a tag (!)"),
        ("a: 1\n---\nb: 1", 2, "a second document begins here. Keep one document a file."),
        ("? [a]\n: 1", 1, "a key is a list or mapping"),
        ("a:\n\tb: 1", 2, "Indent with spaces."),
        ("a: b: c", 1, 'Put the text in quotes: key: "a: b".'),
        ("a: @x", 1, 'Put it in quotes: key: "@value".'),
        ("a: [1, 2", 1, "not valid YAML"),
        ("a: [1,\n2\nb: 3\n", 3, "in what begins in line 1"),
        ("a: 'x", 1, "not valid YAML"),
        ("a: 1\nb: \x07", 2, "a character that YAML does not allow (U+0007)"),
        ("a: \ud800", 1, "a character that YAML does not allow (U+D800)"),
        (b"a: 1\nb: \xff\xfe", 2, "is not UTF-8"),
        ("a: 1\n".encode("utf-16"), 1, "is not UTF-8"),
    ],
)
def test_what_is_refused_is_told_with_its_line(text: str | bytes, line: int, says: str) -> None:
    problem = wrong(text)[0]
    assert says in problem
    assert problem.startswith(f"x.yaml, line {line}, column ")


def test_all_duplicate_keys_are_told_at_once_with_both_lines() -> None:
    assert wrong("a: 1\nb:\n  - {c: 1, c: {d: 2}}\na: 3\n") == [
        'x.yaml, line 3, column 12: "c" is given twice, first in line 3. Keep one of them.',
        'x.yaml, line 4, column 1: "a" is given twice, first in line 1. Keep one of them.',
    ]
    document = parse("b:\n  - {c: 1, c: 2}\n", "x.yaml")
    assert isinstance(document, Document)
    assert document.problems[0].key == "b[0].c"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "[[", "? "])
def test_hostile_nesting_is_a_problem_and_never_a_recursion(opening: str) -> None:
    [problem] = wrong(opening * 20_000)
    assert "x.yaml, line 1" in problem
    assert "deep" in problem or "a key is a list" in problem


def test_nesting_is_allowed_to_its_bound_and_not_beyond() -> None:
    assert isinstance(parse("[" * MAX_DEPTH + "]" * MAX_DEPTH, "x"), Document)
    assert not isinstance(parse("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "x"), Document)


def test_size_is_bounded_in_bytes_and_in_values() -> None:
    assert wrong("é" * (MAX_BYTES // 2 + 1)) == ["x.yaml: is larger than 1 MiB. Split it into several files."]
    assert "more than 200,000 values" in wrong("[" + "a," * 250_000 + "]")[0]


def test_a_number_of_many_digits_stays_a_text() -> None:
    assert value(f"a: {'9' * 5000}") == {"a": "9" * 5000}
    assert isinstance(value(f"a: 0x{'f' * 900}"), dict)
    assert quoted(10**5000) == "a huge number"


def test_a_missing_file_a_folder_and_a_huge_file_are_problems(tmp_path: Path) -> None:
    (tmp_path / "huge.yaml").write_bytes(b"#" * (MAX_BYTES + 10))
    assert str(read(tmp_path / "none.yaml", "none.yaml")[0]) == "none.yaml: does not exist. Name a YAML file."  # type: ignore[index]  # problems
    assert "is no file" in str(read(tmp_path, "x")[0])  # type: ignore[index]  # problems
    assert "larger than 1 MiB" in str(read(tmp_path / "huge.yaml", "x")[0])  # type: ignore[index]  # problems
    assert not isinstance(read(tmp_path / "a\0b"), Document)


def test_a_problem_is_one_line_whatever_it_quotes() -> None:
    problem = Problem("x.yaml", 3, 1, "a", f"a is {quoted('b' + chr(10) + chr(0x202E) + 'c')}", "Mend it.")
    assert str(problem) == 'x.yaml, line 3, column 1: a is "b  c". Mend it.'


def test_a_quoted_url_shows_no_password() -> None:
    assert quoted("postgresql://u:hunter2@h/d") == '"postgresql://u:***@h/d"'


@given(st.text() | st.binary())
def test_any_text_and_any_bytes_give_a_value_or_problems(data: str | bytes) -> None:
    found = parse(data, "x")
    assert isinstance(found, Document) or all(str(problem) for problem in found)


@given(
    st.lists(
        st.sampled_from(
            [
                "a",
                ":",
                " ",
                "\n",
                "- ",
                "[",
                "]",
                "{",
                "}",
                ",",
                "&x",
                "*x",
                "!t",
                "|",
                ">",
                '"',
                "'",
                "#",
                "?",
                "%",
                "---",
                "\t",
                "<<",
            ]
        ),
        max_size=40,
    )
)
def test_any_order_of_yaml_signs_gives_a_value_or_problems(signs: list[str]) -> None:
    found = parse("".join(signs), "x")
    assert isinstance(found, Document) or all("\n" not in str(problem) for problem in found)


FINITE = st.floats(allow_nan=False, allow_infinity=False)  # JSON has no word for the others
SCALARS = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text() | FINITE
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@pytest.mark.parametrize(("sign", "escape"), [("\x85", "N"), ("\u2028", "L"), ("\u2029", "P")])
def test_a_line_end_of_yaml_1_1_is_told_not_made_a_space(sign: str, escape: str) -> None:
    (problem,) = parse(f'name: "a{sign}b"', "x")  # type: ignore[misc]
    assert f"U+{ord(sign):04X}" in str(problem)
    assert f'"\\{escape}"' in problem.hint
    assert isinstance(found := parse(f'name: "a\\{escape}b"', "x"), Document)
    assert found.value == {"name": f"a{sign}b"}


@example("\x85")
@given(VALUES)
def test_what_json_writes_is_read_back_the_same(written: object) -> None:
    text = json.dumps(written, ensure_ascii=False)
    found = parse(text, "x")
    if isinstance(found, Document):
        assert found.value == written
    else:  # a key of more than 1,024 characters, or a character that YAML lacks
        assert len(text) > 1000 or any(ord(sign) > 0x7E for sign in text)


def test_the_compiled_parser_is_there() -> None:
    assert yaml.__with_libyaml__, sys.version
