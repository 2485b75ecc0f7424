"""What kafka-python raises, in words that stay the same from look to look."""

import pytest
from kafka import errors

from collectors.kafka.access import Why
from collectors.kafka.link import _told


@pytest.mark.parametrize(
    ("problem", "why", "says"),
    [
        (errors.RequestTimedOutError("Request timed out after 4997 ms"), Why.TIMEOUT, "timed out"),
        (errors.RequestTimedOutError("Request timed out after 4999 ms"), Why.TIMEOUT, "timed out"),
        (errors.UnknownBrokerIdError(2), Why.UNREACHABLE, "the cluster does not list it at the moment"),
        (errors.NodeNotReadyError(2), Why.UNREACHABLE, "no connection"),
        (ConnectionRefusedError(111, "Connection refused"), Why.UNREACHABLE, "[Errno 111] Connection refused"),
    ],
)
def test_troubles_are_told_without_what_differs_each_time(problem: Exception, why: Why, says: str) -> None:
    found = _told(problem, "broker 2")
    assert (found.why, str(found)) == (why, f"broker 2: {says}")
