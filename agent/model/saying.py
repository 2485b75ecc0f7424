"""What may be said of a finding: the same checks for the form, the API and the command line.

An owner is one line; a reason may have several. Both may be in any script: what joins letters and emoji, and the marks
that only tell a direction, are theirs. What no reader sees, or sees elsewhere than it stands, is refused.
"""

import unicodedata
from datetime import UTC, date, datetime, time, timedelta

from agent.model.finding import Disposition, Said

WORDS = {
    "ack": Disposition.ACKNOWLEDGED,
    "silence": Disposition.SILENCED,
    "dispute": Disposition.DISPUTED,
    "waive": Disposition.WAIVED,
    "reopen": Disposition.NONE,
}
_WITHOUT_REASON = ("ack", "reopen")
LONGEST = timedelta(days=366)
_UNSEEN = ("Cf", "Zs", "Zl", "Zp")  #: Unicode categories: they join, turn or part what can be seen
_NO_TEXT = {
    "Cc": "a control character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
    "Cs": "half a character",
}
_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_TURNING = "a character that turns the order of the text"
UNSAID = "Nothing that was said of this finding holds now: there is nothing to take back."
MAX_OWNER, MAX_REASON, MAX_UNTIL = 200, 2_000, 40  #: characters


def check(word: str, owner: str, reason: str, until: str, now: datetime) -> tuple[Said | None, str]:
    """The disposition, or what is wrong with it in one sentence. `until` is a day, or an ISO 8601 time."""
    owner, reason = _trimmed(owner), _trimmed(reason.replace("\r\n", "\n").replace("\r", "\n"))
    wrong = _wrong(word, owner, reason)
    if wrong:
        return None, wrong
    end: datetime | None = None
    if word in ("silence", "waive"):
        end = _end(until)
        if end is None:
            return None, "Give the day it ends, such as 2027-01-31."
        if not now < end <= now + LONGEST:
            return None, "It ends in the future, within a year."
    return Said(WORDS[word], owner, reason, now, end), ""


def _wrong(word: str, owner: str, reason: str) -> str:
    if word not in WORDS:
        return f"A finding can be {', '.join(WORDS)}; not {word[:20]}."
    if word not in _WITHOUT_REASON and not reason:
        return "Say why: the reason is shown to whoever finds this later."
    if word == "waive" and not owner:
        return "Name an owner: somebody answers for a waiver."
    for name, text, most in (("owner", owner, MAX_OWNER), ("reason", reason, MAX_REASON)):
        if len(text) > most:
            return f"The {name} has {len(text):,} characters. Write at most {most:,}."
        if what := hidden(text, "\n\t" if name == "reason" else ""):
            return f"The {name} has {what}. Write it without."
    return ""


def _trimmed(text: str) -> str:
    """Without the blanks around it; nothing where nothing of it can be seen, or is refused."""
    text = text.strip()
    return text if any(sign in _TURNS or unicodedata.category(sign) not in _UNSEEN for sign in text) else ""


def hidden(text: str, allowed: str = "") -> str:
    """The first character that is no plain text: which one, and where; empty where there is none."""
    for place, sign in enumerate(text, 1):
        what = _TURNING if sign in _TURNS else _NO_TEXT.get(unicodedata.category(sign), "")
        if what and sign not in allowed:
            return f"{what} (U+{ord(sign):04X}) as character {place:,}"
    return ""


def _end(text: str) -> datetime | None:
    """The moment that a text names, UTC where it names no zone; of a day, however it is written, its last second."""
    for read in (_day, datetime.fromisoformat):
        try:
            found = read(text if len(text) <= MAX_UNTIL else "")
        except ValueError:
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None


def _day(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(23, 59, 59))
