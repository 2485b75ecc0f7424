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
        ("mute", "o", "r", SOON, "A finding can be ack, silence, dispute, waive; not mute."),
        ("waive", "o", " ", SOON, "Say why: the reason is shown to whoever finds this later."),
        ("waive", "\t", "r", SOON, "Name an owner: somebody answers for a waiver."),
        ("waive", "o", "r", "", "Give the day it ends, such as 2027-01-31."),
        ("waive", "o", "r", "never", "Give the day it ends, such as 2027-01-31."),
        ("waive", "o", "r", "9999-12-30", "It ends in the future, within a year."),
        ("silence", "", "r", "2026-11-24", "It ends in the future, within a year."),
        ("silence", "", "r", "0001-01-01T00:00:00+23:59", "It ends in the future, within a year."),
        ("ack", "o" * 201, "", "", "The owner has 201 characters. Write at most 200."),
        ("dispute", "", "r" * 2_001, "", "The reason has 2,001 characters. Write at most 2,000."),
        ("dispute", "", "a\0b", "", "The reason has a character that no store can hold. Write plain text."),
        ("ack", "\ud800", "", "", "The owner has a character that no store can hold. Write plain text."),
    ],
)
def test_what_would_be_lost_or_never_end_is_refused(word: str, owner: str, reason: str, until: str, wrong: str) -> None:
    assert check(word, owner, reason, until, NOW) == (None, wrong)


def test_what_is_whole_is_taken() -> None:
    end = datetime(2026, 12, 1, tzinfo=UTC)
    assert check("waive", " o ", " r\n ", SOON, NOW) == (Said(Disposition.WAIVED, "o", "r", NOW, end), "")
    assert check("silence", "", "r", SOON, NOW) == (Said(Disposition.SILENCED, "", "r", NOW, end), "")
    assert check("dispute", "", "r", SOON, NOW) == (Said(Disposition.DISPUTED, "", "r", NOW), "")
    assert check("ack", "", "", "", NOW) == (Said(Disposition.ACKNOWLEDGED, "", "", NOW), "")
