"""What kafka-python raises, in words that stay the same from look to look."""

import pytest
from kafka import errors

from collectors.kafka.access import Access, TroubleError, Why
from collectors.kafka.link import _told
from collectors.kafka.watch import Watch


@pytest.mark.parametrize(
    ("problem", "why", "says"),
    [
        (errors.RequestTimedOutError("Request timed out after 4997 ms"), Why.TIMEOUT, "timed out"),
        (errors.RequestTimedOutError("Request timed out after 4999 ms"), Why.TIMEOUT, "timed out"),
        (errors.UnknownBrokerIdError(2), Why.UNREACHABLE, "the cluster does not list it at the moment"),
        (errors.NodeNotReadyError(2), Why.UNREACHABLE, "no connection"),
        (ConnectionRefusedError(111, "Connection refused"), Why.UNREACHABLE, "connection refused"),
    ],
)
def test_troubles_are_told_without_what_differs_each_time(problem: Exception, why: Why, says: str) -> None:
    found = _told(problem, "broker 2")
    assert (found.why, str(found)) == (why, f"broker 2: {says}")


@pytest.mark.parametrize(
    ("address", "says"),
    [("127.0.0.1:1", "connection refused"), ("no-such-host.invalid:9092", "its name cannot be resolved")],
)
def test_why_a_broker_is_not_reached_is_said_without_a_library_s_names(address: str, says: str) -> None:
    watch = Watch(Access("prod", (address,), timeout=2.0))
    with pytest.raises(TroubleError) as told:
        watch.look()
    watch.close()
    assert str(told.value) == f"{address}: {says}"
