"""Rights at a Kafka cluster: which rules see less without each, and what we lack, as the cluster's refusals tell it."""

import re
from collections.abc import Iterable, Iterator

from agent.model.pull import Lack
from collectors.kafka.access import Access
from collectors.kafka.ladder import LADDER

#: Rules that are blind, or see less, without a right; by its name in the ladder.
NEEDED_BY = {
    "Describe Topic": (
        "LAG-01 to LAG-09, DLQ-01, DLQ-03 to DLQ-06, GRW-01, GRW-02, GOV-07, GOV-08, RCV-10, SCH-03, TRC-02"
    ),
    "Describe Group": "LAG-01 to LAG-09, DLQ-03, DLQ-05, GRW-01, GRW-02, GOV-07, TRC-02",
    "DescribeConfigs Topic": "LAG-04, DLQ-03, IDM-05, SCH-01, RCV-10",
    "DescribeConfigs Group": "DLQ-01 for share groups",
    "Describe TransactionalId": "LAG-08 names no transaction",
    "Describe Cluster": "no rule; what changed in rights is not told",
    "DescribeConfigs Cluster": "LAG-08, LAG-09, GOV-08, RCV-10",
    "Read Topic": "IDM-05; with sampling IDM-03, IDM-04, SCH-03",
}
_RIGHT = re.compile(r"the right (\w+ \w+) is missing")


def missing(why: str) -> str | None:
    """The right that a refusal names."""
    found = _RIGHT.search(why)
    return found[1] if found else None


def lacking(refusals: Iterable[str], access: Access) -> Iterator[Lack]:
    """What we lack, in the order of the ladder, each once."""
    named = {right for why in refusals if (right := missing(why)) is not None}
    for rung in LADDER:
        if rung.right in named:
            yield Lack(rung.right, NEEDED_BY[rung.right], rung.grant(access.principal, access.bootstrap[0]))
