"""`/metrics` to its contract: names, bounds, both formats, and what is summed when an estate is large."""

import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from agent.measure.timings import Timings
from agent.model import seam
from agent.model.facts import Column, Sample, Setting
from agent.model.flush import Flush, WindowDelta
from agent.store.store import Store, open_store
from agent.telemetry import MOST_GROUPS, MOST_SEAMS, Figures, Telemetry
from tests.conftest import missing

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
START = NOON - timedelta(minutes=30)
FIGURES = Figures(
    "1.2.3",
    received={("otlp", ""): 7},
    refused={("otlp", "busy"): 1},
    dropped={("otlp", "late"): 2},
    commit_seconds=Timings(),
    sources={("otlp", "http"): NOON, ("kafka", "prod"): None},
)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store.db'}")
    opened.ensure_writer("w")
    yield opened
    opened.close()


def crossed(store: Store, seams: int, at: datetime = NOON - timedelta(minutes=5)) -> None:
    windows = []
    for number in range(seams):
        values = [0] * len(Column)
        values[Column.COUNT], values[Column.ERRORS], values[Column.DURATION_US] = 1000 + number, 1, 5_000_000
        values[Column.RETRIES] = values[Column.DUPLICATES] = 2
        key = seam.publishes(seam.service(f"s{number}"), seam.topic(f"t{number}", "prod"))
        windows.append(WindowDelta(key, at, tuple(values), {40: 1000 + number}))
    done = store.writer_sequence("w")
    assert store.flush(Flush("w", done, done + 1, tuple(windows)))


def lagging(store: Store, groups: int) -> None:
    at = NOON - timedelta(minutes=1)
    samples = []
    for number in range(groups):
        subject = seam.group_on_topic(seam.topic("orders", "prod"), seam.group(f"g{number}", "prod"))
        samples += [Sample(subject, "lag", at, float(number)), Sample(subject, "age_seconds", at, number / 10)]
    hour = str(3_600_000)
    store.record(samples, [Setting(seam.topic("orders", "prod"), "retention.ms", hour, START, "kafka")])


def page(store: Store, accept: str = "") -> tuple[str, str]:
    body, content_type = Telemetry(store, lambda: NOON, START).render(FIGURES, accept)
    return body.decode(), content_type


def values(text: str, name: str) -> dict[tuple[str, ...], float]:
    """By the values of the labels in the order of their names."""
    families = text_string_to_metric_families(text)
    found = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in found}


def test_seams_and_groups_have_series_of_their_own(kept: Store) -> None:
    crossed(kept, 2)
    crossed(kept, 1, START - timedelta(minutes=5))  # before this process: another one's counters had it
    lagging(kept, 2)
    text, _ = page(kept)
    ends = ("publishes", "service:s1", "topic:prod/t1")
    assert values(text, "seamwatch_seam_crossings_total")["publishes", "ok", *ends[1:]] == 1000
    assert values(text, "seamwatch_seam_crossings_total")["publishes", "error", "service:s0", "topic:prod/t0"] == 1
    assert values(text, "seamwatch_seam_duplicates_total")[ends] == 2
    assert values(text, "seamwatch_seam_retries_total")[ends] == 2
    assert values(text, "seamwatch_seam_duration_seconds_count")[ends] == 1001
    assert values(text, "seamwatch_seam_duration_seconds_sum")[ends] == 5
    assert values(text, "seamwatch_group_lag_messages") == {("prod", "g0", "orders"): 0, ("prod", "g1", "orders"): 1}
    assert values(text, "seamwatch_group_lag_seconds")["prod", "g1", "orders"] == 0.1
    assert values(text, "seamwatch_group_retention_left_seconds") == {("prod", "g1", "orders"): 3599.9}
    assert values(text, "seamwatch_received_total") == {("", "otlp"): 7}
    assert values(text, "seamwatch_dropped_total") == {("late", "otlp"): 2}
    assert values(text, "seamwatch_collector_last_success_timestamp_seconds") == {("http", "otlp"): NOON.timestamp()}


def test_a_large_estate_stays_under_ten_thousand_series_and_nothing_is_left_out_of_the_sums(kept: Store) -> None:
    seams, groups = MOST_SEAMS + 1_500, MOST_GROUPS + 4_600
    crossed(kept, seams)
    lagging(kept, groups)
    text, _ = page(kept)
    assert sum(1 for line in text.splitlines() if not line.startswith("#")) < 10_000
    crossings = values(text, "seamwatch_seam_crossings_total")
    assert sum(crossings.values()) == sum(1000 + number for number in range(seams))
    assert crossings["publishes", "error", "__other__", "__other__"] == seams - MOST_SEAMS
    assert ("publishes", "ok", f"service:s{seams - 1}", f"topic:prod/t{seams - 1}") in crossings  # the busiest
    counts = values(text, "seamwatch_seam_duration_seconds_count")
    assert sum(counts.values()) == sum(crossings.values())
    lags = values(text, "seamwatch_group_lag_messages")
    assert (len(lags), sum(lags.values())) == (MOST_GROUPS + 1, sum(range(groups)))
    assert values(text, "seamwatch_group_lag_seconds")[("__other__",) * 3] == (groups - MOST_GROUPS - 1) / 10


def test_openmetrics_is_served_to_who_asks_for_it(kept: Store) -> None:
    crossed(kept, 2)
    text, content_type = page(kept, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    assert "seamwatch_seam_crossings" in {family.name for family in openmetrics(text)}
    plain, content_type = page(kept)
    assert content_type.startswith("text/plain")
    assert "# EOF" not in plain


def test_a_scrape_reads_nothing_while_what_is_kept_is_recent(kept: Store) -> None:
    clock = [NOON]
    telemetry = Telemetry(kept, lambda: clock[0], START)
    telemetry.render(FIGURES)
    crossed(kept, 1)
    clock[0] += timedelta(seconds=1)
    assert values(telemetry.render(FIGURES)[0].decode(), "seamwatch_seam_crossings_total") == {}
    clock[0] += timedelta(minutes=3)
    assert len(values(telemetry.render(FIGURES)[0].decode(), "seamwatch_seam_crossings_total")) == 2


def test_a_store_that_does_not_answer_takes_nothing_from_what_is_in_memory(kept: Store) -> None:
    def gone(_connection: object) -> None:
        raise OperationalError("BEGIN", {}, Exception("gone"))

    event.listen(kept.database.engine, "begin", gone)
    text, _ = page(kept)
    assert values(text, "seamwatch_refused_total") == {("busy", "otlp"): 1}
    assert values(text, "seamwatch_seam_crossings_total") == {}


@pytest.mark.real
def test_promtool_finds_nothing_to_say(kept: Store) -> None:
    if not shutil.which("promtool"):
        missing("promtool is not installed. Install the package prometheus.")
    crossed(kept, 3)
    lagging(kept, 3)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=page(kept)[0], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")
