"""What would have a topic's records looked at, in words that fit what is looked at already."""

from datetime import UTC, datetime

from agent.model.seam import topic
from agent.model.things import Topic
from rules.topics import sample

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ORDERS = topic("orders", "prod")
REFUSED = {"records": "records of orders: the right Read Topic is missing"}


def test_the_line_of_the_configuration_is_for_what_is_not_looked_at() -> None:
    assert "clusters.prod.sample" in sample(Topic(topic=ORDERS, as_of=NOW))
    assert "clusters.prod.sample" in sample(Topic(topic=ORDERS, as_of=NOW, sampled=500)), "looked at for frames only"
    assert sample(Topic(topic=ORDERS, as_of=NOW, refused=REFUSED)).endswith(REFUSED["records"])
    assert sample(Topic(topic=ORDERS, as_of=NOW, refused=REFUSED, sampled=40, unidentified=0)) == (
        "wait: 40 records of it were looked at so far, of the last week"
    )
    other = {"records": "sample: no topic is named 'ordres' (`*` stands for any characters)"}
    assert "clusters.prod.sample" in sample(Topic(topic=ORDERS, as_of=NOW, refused=other)), "a slip in another's name"
