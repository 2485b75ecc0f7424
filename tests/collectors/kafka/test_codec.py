"""The answers that we read ourselves say what kafka-python reads in them, whatever stands in them."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.protocol.consumer import ListOffsetsRequest, ListOffsetsResponse, OffsetFetchRequest, OffsetFetchResponse

from agent.model.kafka.look import Segments
from collectors.kafka.codec import (
    CodecError,
    Names,
    assignment,
    fetched,
    list_offsets,
    listed,
    offset_fetch,
)

Group = OffsetFetchResponse.OffsetFetchResponseGroup
Topic = Group.OffsetFetchResponseTopics
Part = Topic.OffsetFetchResponsePartitions
Listed = ListOffsetsResponse.ListOffsetsTopicResponse
ListedPart = Listed.ListOffsetsPartitionResponse


def committed(
    groups: dict[str, dict[str, list[tuple[int, int, str | None, int]]]], errors: dict[str, int] | None = None
) -> bytes:
    """An answer to OffsetFetch 8, as kafka-python writes it: partition, offset, metadata, error."""
    told = [
        Group(
            group_id=group,
            topics=[
                Topic(
                    name=topic,
                    partitions=[
                        Part(
                            partition_index=number,
                            committed_offset=offset,
                            committed_leader_epoch=-1,
                            metadata=text,
                            error_code=error,
                        )
                        for number, offset, text, error in parts
                    ],
                )
                for topic, parts in topics.items()
            ],
            error_code=(errors or {}).get(group, 0),
        )
        for group, topics in groups.items()
    ]
    return bytes(OffsetFetchResponse(version=8, throttle_time_ms=0, groups=told).encode(version=8))


def rows(found: Any) -> list[tuple[str, str, int, int, int]]:
    names = [run for run, size in zip(found.runs, found.sizes, strict=True) for _ in range(size)]
    columns = (found.index.tolist(), found.offset.tolist(), found.error.tolist())
    return [(*name, *row) for name, row in zip(names, zip(*columns, strict=True), strict=True)]


def test_what_was_committed_is_read_in_columns() -> None:
    raw = committed(
        {"billing": {"orders": [(0, 5, "", 0), (1, 2**62, "", 0)], "returns": [(7, 0, None, 0)]}, "audit": {}},
        {"audit": 30},
    )
    found = fetched(raw, Names())
    assert rows(found) == [
        ("billing", "orders", 0, 5, 0),
        ("billing", "orders", 1, 2**62, 0),
        ("billing", "returns", 7, 0, 0),
    ]
    assert found.refused == {"audit": 30}


def test_texts_beside_an_offset_are_passed_over() -> None:
    raw = committed(
        {
            "a": {"x": [(0, 5, "", 0), (1, 6, "spring" * 40, 0), (2, -1, "", 3)], "y": [(0, 9, "", 0)]},
            "b": {"x": [(3, 4, "", 0)]},
        }
    )
    assert rows(fetched(raw, Names())) == [
        ("a", "x", 0, 5, 0),
        ("a", "x", 1, 6, 0),
        ("a", "x", 2, -1, 3),
        ("a", "y", 0, 9, 0),
        ("b", "x", 3, 4, 0),
    ]


TEXTS = st.none() | st.just("") | st.text(max_size=300)
PARTS = st.lists(
    st.tuples(st.integers(0, 2**31 - 1), st.integers(-1, 2**63 - 1), TEXTS, st.integers(0, 120)), max_size=6
)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=200)


@given(st.dictionaries(NAMES, st.dictionaries(NAMES, PARTS, max_size=4), max_size=4))
def test_any_answer_is_read_as_it_was_written(groups: dict[str, Any]) -> None:
    wanted = [
        (group, topic, number, offset, error)
        for group, topics in groups.items()
        for topic, parts in topics.items()
        for number, offset, _, error in parts
    ]
    assert rows(fetched(committed(groups), Names())) == wanted


@given(st.binary(max_size=200))
def test_bytes_that_are_no_answer_are_refused_and_never_crash(raw: bytes) -> None:
    for read in (fetched, listed):
        try:
            read(raw, Names())
        except CodecError:
            continue


def test_an_answer_that_is_cut_off_is_refused() -> None:
    raw = committed({f"g{n}": {"t": [(p, p, "", 0) for p in range(20)]} for n in range(5)})
    for end in random.Random(1).sample(range(len(raw)), 60):
        with pytest.raises(CodecError):
            fetched(raw[:end], Names())


def test_our_requests_are_those_that_kafka_python_writes() -> None:
    groups = ["billing", "ä" * 90, "x"]
    wanted = OffsetFetchRequest(
        groups=[OffsetFetchRequest.OffsetFetchRequestGroup(group_id=name, topics=None) for name in groups],
        require_stable=False,
    )
    assert offset_fetch(groups) == wanted.encode(version=8)
    rows_of = Segments.of([("orders", [0, 1, 2]), ("empty", []), ("returns", [0])])
    chosen, times = np.array([True, False, True, True]), np.array([1, 2, -1, 1_790_000_000_000])
    part = ListOffsetsRequest.ListOffsetsTopic.ListOffsetsPartition
    topics = [("orders", [(0, 1), (2, -1)]), ("returns", [(0, 1_790_000_000_000)])]
    other = ListOffsetsRequest(
        replica_id=-1,
        isolation_level=1,
        topics=[
            ListOffsetsRequest.ListOffsetsTopic(
                name=name,
                partitions=[part(partition_index=p, current_leader_epoch=-1, timestamp=at) for p, at in asked],
            )
            for name, asked in topics
        ],
    )
    assert list_offsets(rows_of, chosen, times, 1) == other.encode(version=7)


@given(
    st.dictionaries(
        NAMES,
        st.lists(
            st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 120), st.integers(-1, 2**62), st.integers(-1, 2**62)),
            max_size=6,
        ),
        max_size=5,
    )
)
def test_offsets_are_read_as_they_were_written(topics: dict[str, Any]) -> None:
    told = [
        Listed(
            name=name,
            partitions=[
                ListedPart(partition_index=p, error_code=e, timestamp=t, offset=o, leader_epoch=3)
                for p, e, t, o in parts
            ],
        )
        for name, parts in topics.items()
    ]
    found = listed(bytes(ListOffsetsResponse(version=7, throttle_time_ms=9, topics=told).encode(version=7)), Names())
    assert found.topics == tuple(topics)
    assert found.sizes == tuple(map(len, topics.values()))
    wanted = [(p, e, t, o) for parts in topics.values() for p, e, t, o in parts]
    columns = (found.index.tolist(), found.error.tolist(), found.time.tolist(), found.offset.tolist())
    assert list(zip(*columns, strict=True)) == wanted


def test_the_partitions_of_a_member_are_read_and_other_tools_own_are_refused() -> None:
    raw = b"\0\1\0\0\0\1\0\6orders\0\0\0\2\0\0\0\0\0\0\0\7\0\0\0\0"
    assert assignment(raw) == [("orders", 0), ("orders", 7)]
    for bad in (b"{}", b"\0\1\0\0\0\1\0\6ord", b"\0\1\7\0\0\1\0\6orders"):
        with pytest.raises(CodecError):
            assignment(bad)
