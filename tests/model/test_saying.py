"""What may be said of a finding, whatever door it comes through."""

from datetime import UTC, datetime

import pytest

from agent.model.finding import Disposition, Said
from agent.model.saying import check

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SOON = "2026-12-01"


@pytest.mark.parametrize(
    ("word", "owner", "reason", "until", "wrong"),
    [
        ("mute", "o", "r", SOON, "A finding can be ack, silence, dispute, waive, reopen; not mute."),
        ("waive", "o", " ", SOON, "Say why: the reason is shown to whoever finds this later."),
        ("waive", "\t", "r", SOON, "Name an owner: somebody answers for a waiver."),
        ("waive", "o", "r", "", "Give the day it ends, such as 2027-01-31."),
        ("waive", "o", "r", "never", "Give the day it ends, such as 2027-01-31."),
        ("waive", "o", "r", "9999-12-30", "It ends in the future, within a year."),
        ("silence", "", "r", "2026-11-23", "It ends in the future, within a year."),
        ("silence", "", "r", "0001-01-01T00:00:00+23:59", "It ends in the future, within a year."),
        ("ack", "o" * 201, "", "", "The owner has 201 characters. Write at most 200."),
        ("dispute", "", "r" * 2_001, "", "The reason has 2,001 characters. Write at most 2,000."),
        ("dispute", "", "a\0b", "", "The reason has a control character (U+0000) as character 2. Write it without."),
        ("ack", "\ud800", "", "", "The owner has half a character (U+D800) as character 1. Write it without."),
        ("ack", " o\nx", "", "", "The owner has a control character (U+000A) as character 2. Write it without."),
        ("ack", "o\tx", "", "", "The owner has a control character (U+0009) as character 2. Write it without."),
        ("ack", "", "a\x1b[31m", "", "The reason has a control character (U+001B) as character 2. Write it without."),
        ("ack", "", "ab\x7f.", "", "The reason has a control character (U+007F) as character 3. Write it without."),
        ("ack", "", "a\x85b", "", "The reason has a control character (U+0085) as character 2. Write it without."),
        ("ack", "", "a\u2028b", "", "The reason has a line separator (U+2028) as character 2. Write it without."),
        ("ack", "o\u2029p", "", "", "The owner has a paragraph separator (U+2029) as character 2. Write it without."),
        ("waive", "\u200b\u200d", "r", SOON, "Name an owner: somebody answers for a waiver."),
        ("dispute", "", "\u200e \ufeff", "", "Say why: the reason is shown to whoever finds this later."),
    ],
)
def test_what_would_be_lost_or_never_end_is_refused(word: str, owner: str, reason: str, until: str, wrong: str) -> None:
    assert check(word, owner, reason, until, NOW) == (None, wrong)


@pytest.mark.parametrize("sign", "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
def test_what_turns_the_order_of_text_is_refused(sign: str) -> None:
    told = f"has a character that turns the order of the text (U+{ord(sign):04X}) as character 3. Write it without."
    assert check("ack", f"ab{sign}cd", "", "", NOW) == (None, f"The owner {told}")
    assert check("dispute", "", f"ab{sign}cd", "", NOW) == (None, f"The reason {told}")
    alone = told.replace("character 3", "character 1")
    assert check("ack", sign, "", "", NOW) == (None, f"The owner {alone}")
    assert check("dispute", "", f" {sign}\u200b ", "", NOW) == (None, f"The reason {alone}")


@pytest.mark.parametrize(
    "text",
    [
        "Zoë O'Brien <zoe@example.org>",
        "Zoe\u0308 with a combining mark",
        "فريق المدفوعات",
        "\u200fفريق\u200e A\u061c",  # marks that only tell a direction
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian is written with a non-joiner
        "क्\u200dष",  # and Sinhala, Hindi with a joiner
        "支付小组、请稍候。",
        "チーム　決済",  # an ideographic space
        "👩\u200d👩\u200d👧\u200d👦 🏳️\u200d🌈 👍🏽 🇨🇭",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # a flag of tags
        "soft\u00adhyphen, no\u00a0break",
        "\U0001d52d\U0001d51e\U0001d536 \U0010ffff",
    ],
)
def test_plain_text_in_any_script_is_taken_as_it_is(text: str) -> None:
    said, wrong = check("waive", text, text, SOON, NOW)
    assert (said and said.owner, said and said.reason, wrong) == (text, text, "")


@pytest.mark.parametrize("lines", ["one\ntwo\n\n\t- three", "one\r\ntwo\r\n\r\n\t- three", "one\rtwo\r\r\t- three"])
def test_a_reason_may_have_several_lines(lines: str) -> None:
    said, wrong = check("dispute", "", lines, "", NOW)
    assert (said and said.reason, wrong) == ("one\ntwo\n\n\t- three", "")


@pytest.mark.parametrize(
    ("until", "hour", "second"),
    [
        ("2026-12-01", 23, 59),
        ("20261201", 23, 59),
        ("2026-W49-2", 23, 59),
        ("2026W492", 23, 59),
        ("2026-12-01T00", 0, 0),
        ("20261201T12", 12, 0),
        ("2026-12-01T12:00:05Z", 12, 5),
        ("2026-12-01T14:00:05+02:00", 12, 5),
    ],
)
def test_a_day_ends_with_its_last_second_however_it_is_written_and_a_time_stays(
    until: str, hour: int, second: int
) -> None:
    said, _ = check("silence", "", "r", until, NOW)
    assert said is not None
    assert said.until is not None
    end = said.until.astimezone(UTC)
    assert (end.day, end.hour, end.second) == (1, hour, second)


def test_what_is_whole_is_taken() -> None:
    end = datetime(2026, 12, 1, 23, 59, 59, tzinfo=UTC)
    at_noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    assert check("silence", "", "r", "2026-12-01T12:00", NOW)[0] == Said(Disposition.SILENCED, "", "r", NOW, at_noon)
    assert check("silence", "", "r", "2026-11-24", NOW)[0], "until the end of today"
    assert check("waive", " o ", " r\n ", SOON, NOW) == (Said(Disposition.WAIVED, "o", "r", NOW, end), "")
    assert check("silence", "", "r", SOON, NOW) == (Said(Disposition.SILENCED, "", "r", NOW, end), "")
    assert check("dispute", "", "r", SOON, NOW) == (Said(Disposition.DISPUTED, "", "r", NOW), "")
    assert check("ack", "", "", "", NOW) == (Said(Disposition.ACKNOWLEDGED, "", "", NOW), "")
