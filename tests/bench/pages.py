"""The page of a seam through Kafka, of very many partitions beside one of few."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from agent.app.allocator import settled
from agent.model.kafka.look import Group, Member
from agent.store.store import open_store
from tests.web.test_brokers import address, client, keep, look, parts

TIMES = 200
FEW, MANY = (6, 3), (1_000, 400)  #: partitions and members


def page_ms(partitions: int, members: int) -> list[float]:
    """How long a page takes each time, ms, sorted."""
    lag = np.random.default_rng(1).integers(0, 5_000, partitions).tolist()
    told = tuple(
        Member(f"m-{n}", f"c-{n}", None, parts("orders", *range(n, partitions, members))) for n in range(members)
    )
    with tempfile.TemporaryDirectory(prefix="seamwatch-bench-") as folder:
        store = open_store(f"sqlite:///{Path(folder) / 'store.db'}")
        keep(store, *(look(n, lag, group=Group("classic", "Stable", 1, "range", 1, told)) for n in range(9)))
        pages = client(store)
        place, took = address(pages), []
        for _ in range(TIMES):
            began = time.perf_counter()
            assert pages.get(place).status_code == 200
            took.append((time.perf_counter() - began) * 1000)
        store.close()
    return sorted(took)


def measure(told: Callable[[str, str, str, bool], None]) -> None:
    """Tell the bars of the page."""
    settled()  # as the agent does once it has started
    few, many = page_ms(*FEW), page_ms(*MANY)
    ratio = statistics.median(many) / statistics.median(few)
    worst = many[int(0.99 * TIMES)]
    told("page of 1,000 partitions, 400 members, over one of 6 and 3", f"{ratio:.2f}", "<= 4", ratio <= 4)
    told("its p99, ms", f"{worst:.0f}", "<= 50", worst <= 50)
