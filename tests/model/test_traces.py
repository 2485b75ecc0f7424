"""Of a stack trace its exceptions stay, and nothing that they say."""

import json
import time
from pathlib import Path

import pytest

from agent.model.traces import exceptions, short

CAPTURE = Path(__file__).parents[1] / "captures" / "connect-4.3" / "answers.json"


def test_the_exceptions_of_a_real_trace_are_told_first_to_last() -> None:
    [every] = [one for one in json.loads(CAPTURE.read_text()) if "expand" in one["path"]]
    trace = every["response"]["fails"]["status"]["tasks"][0]["trace"]
    assert [name.rpartition(".")[2] for name in exceptions(trace)] == [
        "ConnectException",
        "DataException",
        "SerializationException",
        "JsonParseException",
    ]
    assert "Unrecognized token" in trace
    assert "Unrecognized token" not in short(trace)
    assert exceptions(short(trace)) == exceptions(trace)


@pytest.mark.parametrize(
    "trace",
    [
        "org.x.Boom: record {card: 4111}\n\tat org.x.Y.z(Y.java:1)\nCaused by: org.x.Why: 4111",
        "org.x.Boom: Tolerance exceeded in error handler: 4111",
        "org.x.Boom: Tolerance exceeded in error handler\n4111\nCaused by: 4111",
        "4111",
        "org.x.Boom 4111: y",
        "java.lang: 4111",
    ],
)
def test_nothing_that_an_exception_says_stays(trace: str) -> None:
    assert "4111" not in short(trace) + str(exceptions(trace))


def test_a_long_chain_or_a_hostile_trace_costs_little() -> None:
    began = time.perf_counter()
    assert len(exceptions("a.B: x\n" + "Caused by: c.D: y\n" * 10_000)) == 5
    assert short("a." * 500_000) == "unknown"
    assert short("Caused by: " + "a" * 1_000_000) == "unknown"
    assert time.perf_counter() - began < 1
