"""Pings' part of a recording: runs of jobs and how they ended. The body is never kept."""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime

from agent.model import seam
from agent.model.facts import Fact, Run, RunState, Sighting
from collectors.recording.section import Section

NAME = "ping"
NAMESPACE = "cron"  #: as workflow files name a job that pings: `job:cron/<slug>`
MAX_OPEN = 10_000
_SIGNALS = ("start", "success", "fail", "exit", "log")


class OpenRuns:
    """Starts that have no end yet, by slug: a ping without a run id ends the last run that was started."""

    def __init__(self, most: int = MAX_OPEN) -> None:
        self._most = most
        self._open: OrderedDict[str, tuple[str, datetime]] = OrderedDict()

    def start(self, slug: str, run: str, at: datetime) -> None:
        """Remember a start; beyond the bound the oldest is forgotten."""
        self._open[slug] = (run, at)
        self._open.move_to_end(slug)
        if len(self._open) > self._most:
            self._open.popitem(last=False)

    def end(self, slug: str) -> tuple[str, datetime] | None:
        """The run that an end without an id belongs to."""
        return self._open.pop(slug, None)


def facts(line: Section, at: datetime, runs: OpenRuns) -> Iterator[Fact]:
    """Every fact of one line."""
    slug, signal, code = line.text("slug"), line.text("signal"), line.whole("code")
    identity = line.text("rid")
    line.skip("body")
    if not slug or signal not in _SIGNALS:
        line.tally.reject("signal is unknown" if slug else "slug is missing")
        return
    if signal == "exit" and code is None:
        line.tally.reject("code is missing")
        return
    job = seam.job(NAMESPACE, slug)
    yield Sighting(job, at)
    if signal == "log":
        return
    if signal == "start":
        run = identity or f"{slug}@{at.isoformat()}"
        if not identity:
            runs.start(slug, run, at)
        yield Run(job, run, RunState.RUNNING, started=at, source=NAME)
        return
    opened = None if identity else runs.end(slug)
    run, started = opened or (identity or f"{slug}@{at.isoformat()}", None)
    good = signal == "success" or (signal == "exit" and code == 0)
    state = RunState.SUCCEEDED if good else RunState.FAILED
    yield Run(job, run, state, started=started, ended=at, exit_code=code, source=NAME)
