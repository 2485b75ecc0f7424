"""Cron lines that come due are taken, and those that never do are told."""

import pytest

from agent.config.crontab import mistake
from agent.config.workflow import declare


@pytest.mark.parametrize(
    "line",
    [
        "* * * * *",
        "*/5 0-6,20-23 1,15 */2 MON-FRI",
        "0 2 29 2 *",
        "0 2 31 * *",
        "0 2 31 2 MON",  # either day will do: every Monday of February
        "0 2 31 2,3 ?",
        "5/15 22 ? jan-mar sun",
        "0 0 L * *",
        "0 0 L-3W FEB ?",
        "0 0 15W * *",
        "0 0 * * 5L",
        "0 0 * * MON#2",
        "0 0 * * FRI-SUN",
        "0 0 * * 7",
        "@daily",
    ],
)
def test_a_line_that_comes_due_is_taken(line: str) -> None:
    assert mistake(line) is None


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("99 * * * *", "and there is no minute 99", "The minute is 0 to 59."),
        ("0 24 * * *", "and there is no hour 24", "The hour is 0 to 23."),
        ("0 0 0 * *", "and there is no day of the month 0", "The day of the month is 1 to 31."),
        ("0 0 * 13 *", "and there is no month 13", "The month is 1 to 12 or JAN to DEC."),
        ("0 0 * JANU *", "and there is no month JANU", 'Did you mean "JAN"?'),
        ("0 0 * * 8", "and there is no day of the week 8", "The day of the week is 0 to 7 or SUN to SAT."),
        ("0 2 31 2 *", "a day that no calendar has", "Write a day that one of the months has."),
        ("0 2 31 2 */2", "a day that no calendar has", "Write a day that one of the months has."),
        ("0 2 31 4,6,9,11 ?", "a day that no calendar has", "Write a day that one of the months has."),
        ("0 2 30-31 FEB *", "a day that no calendar has", "Write a day that one of the months has."),
        ("*/0 * * * *", "whose minute has a step of 0", "A step is 1 to 59."),
        ("*/90 * * * *", "whose minute has a step of 90", "A step is 1 to 59."),
        ("0 22-2 * * *", 'whose hour "22-2" runs backwards', "Write two ranges with a comma between."),
        ("1,,2 * * * *", 'whose minute "" cannot be read', "The minute is 0 to 59."),
        ("*-5 * * * *", 'whose minute "*-5" cannot be read', "The minute is 0 to 59."),
        ("? * * * *", 'whose minute "?" cannot be read', "The minute is 0 to 59."),
        ("* * * *", "which is no cron line: it has 4 fields", 'Write five fields: "0 2 * * *".'),
        ("@dayly", "which is no name of cron", 'Did you mean "@daily"?'),
    ],
)
def test_a_line_that_never_comes_due_is_told_with_what_to_write(line: str, what: str, hint: str) -> None:
    found = mistake(line)
    assert found is not None
    assert (found.what, found.hint) == (what, hint)


@pytest.mark.parametrize(("key", "part"), [("cadence", "workflows"), ("schedule", "components")])
def test_a_workflow_file_is_refused_for_a_cron_line_that_is_none(key: str, part: str) -> None:
    name = "name: a" if part == "workflows" else "component: 'job:cron/a'"
    [problem] = declare([("w.yaml", f"{part}: [{{{name}, {key}: '0 2 31 2 *'}}]")])[1]
    assert 'is "0 2 31 2 *", a day that no calendar has. Write a day that one of the months has.' in str(problem)
    assert declare([("w.yaml", f"{part}: [{{{name}, {key}: '0 2 31 3 *'}}]")])[1] == ()


def test_a_misspelt_cadence_has_its_nearest_word() -> None:
    [problem] = declare([("w.yaml", "workflows: [{name: a, cadence: continous}]")])[1]
    assert str(problem).endswith('workflows.a.cadence is "continous". Did you mean "continuous"?')
