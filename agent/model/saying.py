"""What may be said of a finding: the same checks for the form, the API and the command line."""

from datetime import UTC, datetime, timedelta

from agent.model.finding import Disposition, Said

WORDS = {
    "ack": Disposition.ACKNOWLEDGED,
    "silence": Disposition.SILENCED,
    "dispute": Disposition.DISPUTED,
    "waive": Disposition.WAIVED,
}
LONGEST = timedelta(days=366)
MAX_OWNER, MAX_REASON, MAX_UNTIL = 200, 2_000, 40  #: characters


def check(word: str, owner: str, reason: str, until: str, now: datetime) -> tuple[Said | None, str]:
    """The disposition, or what is wrong with it in one sentence. `until` is a day, or an ISO 8601 time."""
    owner, reason = owner.strip(), reason.strip()
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
        return f"A finding can be {', '.join(WORDS)}; not {word}."
    if word != "ack" and not reason:
        return "Say why: the reason is shown to whoever finds this later."
    if word == "waive" and not owner:
        return "Name an owner: somebody answers for a waiver."
    for name, text, most in (("owner", owner, MAX_OWNER), ("reason", reason, MAX_REASON)):
        if len(text) > most:
            return f"The {name} has {len(text):,} characters. Write at most {most:,}."
        if any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in text):
            return f"The {name} has a character that no store can hold. Write plain text."
    return ""


def _end(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text[:MAX_UNTIL])
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
