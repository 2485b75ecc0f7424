"""One message that fails again and again: what is kept of it as evidence, in words that can be read back."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from agent.model.facts import Exemplar, ExemplarKind

_NOTE = re.compile(
    r"offset (\d{1,19}) of partition (\d{1,7}) failed (\d{1,9}) times since (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
)
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class Attempts:
    """Failing attempts at one offset; nothing of its partition went well between them."""

    partition: int
    offset: int
    count: int
    first: datetime  #: when the first of them ended
    last: datetime
    trace: str = ""  #: of the last

    def exemplar(self, trace: str, span: str) -> Exemplar:
        """As it is kept."""
        since = self.first.strftime(_TIME)
        note = f"offset {self.offset} of partition {self.partition} failed {self.count} times since {since}"
        return Exemplar(ExemplarKind.FAILING, trace, span, self.last, note)


def read(kept: Exemplar) -> Attempts | None:
    """What an exemplar of that kind says."""
    found = _NOTE.fullmatch(kept.note) if kept.kind is ExemplarKind.FAILING else None
    if found is None:
        return None
    first = datetime.strptime(found[4], _TIME).replace(tzinfo=UTC)
    return Attempts(int(found[2]), int(found[1]), int(found[3]), first, kept.at, kept.trace)
