"""The bench compares what does the same work: the peer finds the very facts that the agent finds."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from agent.ingest.aggregator import Aggregator
from agent.model.facts import Column, ExemplarKind
from agent.model.flush import Flush
from collectors.otlp.decode import Decoder
from tests.bench.naive import Naive
from tests.bench.payload import request

AT = datetime.fromtimestamp(1_790_000_060, tz=UTC)

Facts = dict[tuple[str, int], tuple[dict[str, int], dict[int, int], dict[int, int]]]


def nonzero(histogram: Mapping[int, int]) -> dict[int, int]:
    """Buckets that hold something."""
    return {bucket: count for bucket, count in histogram.items() if count}


def windows(values: list[int] | tuple[int, ...]) -> dict[str, int]:
    """Columns that hold something."""
    return {column.name: value for column, value in zip(Column, values, strict=True) if value}


def of_agent(flush: Flush) -> Facts:
    """The agent's windows, by key and minute."""
    found: Facts = {}
    for window in flush.windows:
        parts = (windows(window.values), nonzero(window.duration), nonzero(window.queue))
        if any(parts):
            found[str(window.key), int(window.minute.timestamp()) // 60] = parts
    return found


def of_naive(naive: Naive) -> Facts:
    """The peer's windows, by key and minute."""
    parts = {
        place: (windows(one.values), nonzero(one.duration), nonzero(one.queue)) for place, one in naive.windows.items()
    }
    return {place: found for place, found in parts.items() if any(found)}


def bodies(seams: int) -> list[bytes]:
    """Requests in order, and one whose messages are delivered once more."""
    return [*(request(seed, seams=seams) for seed in range(6)), request(3, seams=seams, redelivered=True)]


@pytest.mark.parametrize("seams", [0, 50])
def test_the_peer_derives_the_agents_facts(seams: int) -> None:
    spans = Decoder()
    aggregator, naive = Aggregator(spans.shapes), Naive(int(AT.timestamp() * 1e9))
    for body in bodies(seams):
        aggregator.take(aggregator.fold(spans.decode(body), AT))
        naive.take(body)
    flush = aggregator.drain("bench", 0, 1)
    ours, theirs = of_agent(flush), of_naive(naive)
    assert ours.keys() == theirs.keys()
    assert not {place: (ours[place], theirs[place]) for place in ours if ours[place] != theirs[place]}
    assert sum(one[0].get("REWRITTEN", 0) for one in ours.values()) == 160

    delivered: dict[tuple[str, int, str, int], set[int]] = {}
    for one in flush.delivered:
        place = (str(one.key), one.partition, one.operation, int(one.day.timestamp()) // 86_400)
        delivered[place] = {offset for first, last in one.ranges for offset in range(first, last + 1)}
    assert delivered == naive.delivered

    kept = [(str(window.key), exemplar) for window in flush.windows for exemplar in window.exemplars]
    for kind, found in ((ExemplarKind.SLOWEST, naive.slowest), (ExemplarKind.WRITE, naive.written)):
        assert {(key, one.span) for key, one in kept if one.kind is kind} == {
            (key, span.hex()) for key, (_, span) in found.items()
        }
    repeats = {(key, one.span) for key, one in kept if one.kind is ExemplarKind.DUPLICATE}
    assert repeats == {(key, span.hex()) for key, _, _, span, _ in naive.repeats}
    told = [(str(one.key), one.attributes) for one in flush.sightings]
    assert {(key, one["writes"]) for key, one in told if "writes" in one} == naive.writes
    scopes = {key: (one["scope"], one["version"]) for key, one in told if "scope" in one and "route:" not in key}
    assert scopes == {key: found[1:] for key, found in naive.scopes.items()}
