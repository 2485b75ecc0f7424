"""Sums are exact at every moment, whatever was flushed, rolled up, pruned or joined: compared with a dictionary."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.model import seam
from agent.model.facts import Alias, Column, Tier
from agent.model.flush import Flush, WindowDelta
from agent.model.histogram import Histogram
from agent.model.seam import SeamKey
from agent.store import rollup, schema, tiers
from agent.store.engine import Database
from agent.store.store import Store, open_store

pytestmark = pytest.mark.slow

START = datetime(2026, 11, 1, 0, 0, tzinfo=UTC)
MINUTES = 20 * 1440
TOPICS = [seam.topic("t"), seam.topic("t", "c"), seam.topic("u", "c")]
KEYS = [seam.consumes(topic, seam.group("g", "c")) for topic in TOPICS]


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def emptied(url: str) -> Store:
    """A store like new: making one by migration takes longer than an example."""
    database = Database(url)
    with database.write() as connection:
        for table in schema.metadata.tables.values():
            connection.execute(table.delete())
    return Store(database)


class Model:
    """The store beside what must be true of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.truth: dict[tuple[SeamKey, int], int] = {}
        self.aliases: dict[SeamKey, SeamKey] = {}
        self.sequences: dict[str, int] = {}
        self.last: Flush | None = None

    def flush(self, writer: str, deltas: list[tuple[int, int, int]], watermark: int) -> None:
        windows = []
        for key, at, count in deltas:
            values = [0] * len(Column)
            values[Column.COUNT], values[Column.BYTES] = count, count * 1000
            windows.append(WindowDelta(KEYS[key], minute(at), tuple(values), {at % 5: count}, {7: count}))
            self.truth[KEYS[key], at] = self.truth.get((KEYS[key], at), 0) + count
        before = self.sequences.get(writer, 0)
        self.last = Flush(writer, before, before + 1, tuple(windows), watermark=minute(watermark))
        assert self.store.flush(self.last)
        self.sequences[writer] = before + 1

    def replay(self) -> None:
        if self.last is not None:
            assert not self.store.flush(self.last)

    def roll(self, steps: int, until: int) -> None:
        for _ in range(steps):
            if not self.store.roll_up(minute(until)):
                return

    def prune(self, now: int) -> None:
        self.store.prune(minute(now), limit=5)

    def join(self, old: int, new: int) -> None:
        alias = Alias(TOPICS[old], TOPICS[new], minute(0), "told")
        if old != new and KEYS[new] not in self.aliases and KEYS[old] not in self.aliases.values():
            self.store.add_alias(alias)
            self.aliases[KEYS[old]] = KEYS[new]

    def part(self, old: int) -> None:
        assert self.store.undo_alias(TOPICS[old], minute(0)) == (KEYS[old] in self.aliases)
        self.aliases.pop(KEYS[old], None)

    def wanted(self, low: int, high: int) -> dict[SeamKey, tuple[int, Histogram]]:
        """What the span holds; where finer rows are gone, both its ends stand at the start of what is left."""
        pruned = self.pruned()
        first, last = (self._held(at, pruned) for at in tiers.aligned(minute(low), minute(high)))
        counts: dict[SeamKey, int] = {}
        parts: dict[SeamKey, list[Histogram]] = {}
        for (key, at), count in self.truth.items():
            if first <= minute(at).timestamp() < last and count:
                name = self.aliases.get(key, key)
                counts[name] = counts.get(name, 0) + count
                parts.setdefault(name, []).append(Histogram.of({at % 5: count}))
        return {key: (count, Histogram.total(parts[key])) for key, count in counts.items()}

    def pruned(self) -> Mapping[Tier, int]:
        with self.store.database.read() as connection:
            return tiers.read(connection).pruned

    @staticmethod
    def _held(at: int, pruned: Mapping[Tier, int]) -> int:
        for tier in (Tier.DAY, Tier.HOUR, Tier.TEN):
            at = tiers.floor(at, tier) if at < pruned[tiers.finer(tier)] else at
        return at

    def check(self, low: int, high: int) -> None:
        wanted = self.wanted(low, high)
        sums = self.store.sums(minute(low), minute(high))
        assert {key: v[Column.COUNT] for key, v in sums.items() if v[Column.COUNT]} == {
            key: count for key, (count, _) in wanted.items()
        }
        assert all(values[Column.BYTES] == values[Column.COUNT] * 1000 for values in sums.values())
        found = self.store.histograms_between(KEYS, minute(low), minute(high))
        assert {key: duration for key, (duration, _) in found.items() if duration.counts} == {
            key: duration for key, (_, duration) in wanted.items()
        }
        first, _ = tiers.aligned(minute(low), minute(high))
        if self.pruned()[Tier.MINUTE] <= first:
            points = self.store.windows(KEYS[1], minute(low), minute(high), Tier.MINUTE)
            assert sum(point[Column.COUNT] for point in points) == wanted.get(KEYS[1], (0, None))[0]


AT = st.integers(0, MINUTES - 1) | st.integers(MINUTES - 2000, MINUTES - 1)
DELTA = st.tuples(st.integers(0, 2), AT, st.integers(1, 9))
STEP: st.SearchStrategy[Callable[[Model], None]] = st.one_of(
    st.builds(
        lambda w, d, m: lambda model: model.flush(w, d, m), st.sampled_from("wv"), st.lists(DELTA, max_size=8), AT
    ),
    st.builds(lambda n, m: lambda model: model.roll(n, m), st.integers(1, 60), AT),
    st.builds(lambda m: lambda model: model.prune(m), AT),
    st.builds(lambda a, b: lambda model: model.join(a, b), st.integers(0, 2), st.integers(0, 2)),
    st.builds(lambda a: lambda model: model.part(a), st.integers(0, 2)),
    st.just(Model.replay),
    st.builds(lambda a, b: lambda model: model.check(min(a, b), max(a, b)), AT, AT),
)


def examples(number: int) -> settings:
    return settings(
        max_examples=number,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


def run(url: str, steps: list[Callable[[Model], None]], spans: list[tuple[int, int]]) -> None:
    store = emptied(url)
    try:
        model = Model(store)
        for step in steps:
            step(model)
        for low, high in [*spans, (0, MINUTES)]:
            model.check(min(low, high), max(low, high))
    finally:
        store.close()


STEPS = st.lists(STEP, min_size=1, max_size=14)
SPANS = st.lists(st.tuples(AT, AT), max_size=4)


def test_sums_are_exact_at_every_moment_on_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    open_store(url).close()
    examples(120)(given(STEPS, SPANS)(lambda steps, spans: run(url, steps, spans)))()


@pytest.mark.real
def test_sums_are_exact_at_every_moment_on_postgresql(postgres_url: str) -> None:
    open_store(postgres_url).close()
    examples(30)(given(STEPS, SPANS)(lambda steps, spans: run(postgres_url, steps, spans)))()


@pytest.mark.parametrize("dies_at", range(1, 9))
def test_a_roll_up_that_dies_anywhere_leaves_sums_exact(
    store: Store, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    monkeypatch.setattr(rollup, "ROLLUP_ROWS", 1)
    model = Model(store)
    model.flush("w", [(key, at, 1 + at % 7) for key in range(3) for at in range(0, 200, 3)], 200)
    calls = 0
    real = rollup.upsert

    def dying(*args: object) -> None:
        nonlocal calls
        calls += 1
        if calls == dies_at:
            raise KeyboardInterrupt
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(rollup, "upsert", dying)
    with pytest.raises(KeyboardInterrupt):
        model.roll(1000, 200)
    model.flush("w", [(1, 5, 4), (2, 61, 2)], 200)
    model.check(0, 200)
    model.roll(1000, 200)
    model.check(3, 187)
    with store.database.read() as connection:
        assert tiers.read(connection).dirty == frozenset()


def test_a_fact_of_a_time_whose_minutes_are_gone_is_added_to_what_is_left(store: Store) -> None:
    model = Model(store)
    model.flush("w", [(0, 5, 3), (0, MINUTES - 1, 1)], MINUTES)
    model.roll(1000, MINUTES)
    for _ in range(3):
        model.prune(MINUTES)
    with store.database.read() as connection:
        assert tiers.read(connection).holds(int(minute(5).timestamp())) is Tier.HOUR
    model.flush("w", [(0, 7, 2), (1, 7, 4)], MINUTES)
    model.check(0, MINUTES)
    model.roll(1000, MINUTES)
    model.check(0, 1440)


def test_a_writer_that_is_gone_does_not_hold_up_the_roll_ups(store: Store) -> None:
    model = Model(store)
    model.flush("gone", [(0, 5, 1)], 10)
    model.flush("w", [(0, 300, 1)], 320)
    model.roll(1000, 320)
    with store.database.read() as connection:
        assert tiers.read(connection).rolled[Tier.TEN] > minute(290).timestamp()


def test_a_live_writer_s_interval_waits_for_it(store: Store) -> None:
    model = Model(store)
    model.flush("slow", [(0, 5, 1)], 28)
    model.flush("w", [(0, 5, 1)], 60)
    model.roll(1000, 60)
    with store.database.read() as connection:
        assert tiers.read(connection).rolled[Tier.TEN] == minute(20).timestamp()


def test_windows_of_a_span_come_in_the_finest_tier_with_at_most_300_points(store: Store) -> None:
    model = Model(store)
    model.flush("w", [(0, at, 1) for at in range(0, 3000, 7)], 3000)
    model.roll(1000, 3000)
    for minutes, tier in ((200, Tier.MINUTE), (2900, Tier.TEN)):
        points = store.windows(KEYS[0], minute(0), minute(minutes))
        assert {point.tier for point in points} == {tier}
        assert len(points) <= 300
        assert sum(point[Column.COUNT] for point in points) == len(range(0, minutes, 7))


def test_sums_of_some_kinds_or_keys_leave_out_the_rest(store: Store) -> None:
    model = Model(store)
    model.flush("w", [(0, 5, 1), (1, 5, 2)], 10)
    route = seam.route("shop", "GET", "/orders")
    values = tuple([9] + [0] * (len(Column) - 1))
    store.flush(Flush("w", 1, 2, (WindowDelta(route, minute(5), values),)))
    assert set(store.sums(minute(0), minute(9))) == {KEYS[0], KEYS[1], route}
    assert set(store.sums(minute(0), minute(9), kinds=["component"])) == {route}
    assert set(store.sums(minute(0), minute(9), keys=[KEYS[1]])) == {KEYS[1]}
    assert store.sums(minute(0), minute(9), keys=[]) == {}
