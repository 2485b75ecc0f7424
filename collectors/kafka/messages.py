"""Requests and answers that kafka-python does not have yet, made from Kafka's own definitions (`vendor/`)."""

from kafka.protocol.api_message import ApiMessage

from collectors.kafka import vendor


class ConsumerGroupDescribeRequest(ApiMessage, load_json=vendor):  # type: ignore[call-arg,misc]  # untyped
    """Groups of the `consumer` protocol (KIP-848)."""


class ConsumerGroupDescribeResponse(ApiMessage, load_json=vendor):  # type: ignore[call-arg,misc]
    """Its answer."""


class ShareGroupDescribeRequest(ApiMessage, load_json=vendor):  # type: ignore[call-arg,misc]
    """Share groups (KIP-932)."""


class ShareGroupDescribeResponse(ApiMessage, load_json=vendor):  # type: ignore[call-arg,misc]
    """Its answer."""


class DescribeShareGroupOffsetsRequest(ApiMessage, load_json=vendor):  # type: ignore[call-arg,misc]
    """Where share groups are on their topics; from version 1 on with their lag (KIP-1226)."""


class DescribeShareGroupOffsetsResponse(ApiMessage, load_json=vendor):  # type: ignore[call-arg,misc]
    """Its answer."""


class StreamsGroupDescribeRequest(ApiMessage, load_json=vendor):  # type: ignore[call-arg,misc]
    """Streams groups (KIP-1071)."""


class StreamsGroupDescribeResponse(ApiMessage, load_json=vendor):  # type: ignore[call-arg,misc]
    """Its answer."""
