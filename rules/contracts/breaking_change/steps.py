"""What to do about SCH-02: bring back what is missed, or move on in an order in which nobody is left behind."""

from collections.abc import Sequence

from agent.model.steps import code, few, own
from agent.model.subjects import Contract
from rules.contracts.breaking_change.pairs import Broken

_LONG = 120


def steps(contract: Contract, broken: Sequence[Broken]) -> tuple[str, ...]:
    """The first break is what everybody waits for; the order depends on who is behind."""
    if not broken:
        return ()
    first = broken[0]
    newest = max(version.number for version in contract.schemas)
    subject = own(contract.contract)
    return (
        f"{_restored(subject, first)} {code(_cut(first.breaks[0].path))}: {_cut(first.breaks[0].what)}.",
        _order(contract, first, old_reader=first.reader < newest),
        f"If the change has to be, write it to a new topic with a subject of its own, and go on with {subject} as well "
        f"until its last reader has moved.",
        f"Let the registry refuse the next one: a compatibility of BACKWARD_TRANSITIVE or FULL for {subject}.",
    )


def _restored(subject: str, first: Broken) -> str:
    return (
        f"Register a version of {subject} that v{first.reader} and v{first.writer} both go with (the field again, or a "
        f"default, an alias, the old type or number), for the difference at"
    )


def _order(contract: Contract, first: Broken, *, old_reader: bool) -> str:
    readers = few(reader.name.partition("/")[2] for reader in contract.readers) or "its readers"
    if old_reader:
        return (
            f"Until then let nobody write v{first.writer}: upgrade {readers} from v{first.reader} first, or set the "
            f"writers back to it."
        )
    return (
        f"Until then let {readers} stay on v{first.writer} as long as its records are in the topic; what is on "
        f"v{first.reader} already has to skip or set aside what it cannot read."
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 1]}…"
