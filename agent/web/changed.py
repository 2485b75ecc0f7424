"""The page of changes: which setting, right or topic became what, and when."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from pydantic import BaseModel, Field, field_validator

from agent.model.counting import counted
from agent.model.seam import Component
from agent.store.history import KINDS, MOST, Asked
from agent.web.frame import Frame
from agent.web.history import Line, lines
from agent.web.status import Status
from agent.web.views import Views
from agent.web.words import ago

PER_PAGE = 50
Kind = Literal["", "topic", "group", "broker", "client metrics", "rights"]
Span = Literal["24h", "7d", "30d", "400d"]
SPANS = {"24h": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30), "400d": timedelta(days=400)}
_WORDS = {"24h": "24 h", "7d": "7 days", "30d": "30 days", "400d": "400 days"}
_KINDS = (
    ("", "Every kind"),
    ("topic", "Topics"),
    ("group", "Groups"),
    ("broker", "Brokers"),
    ("client metrics", "Client metrics"),
    ("rights", "Rights"),
)
_CURSOR = r"^(\d{1,16}~[0-9a-f]{16,32}~.{1,256})?$"


class Filter(BaseModel):
    """Of which kind, cluster and component, and from where on."""

    kind: Kind = ""
    cluster: str = Field("", max_length=250)
    component: str = Field("", max_length=600, description="Such as `topic:prod/orders` or `group:prod/billing`.")
    before: str = Field("", max_length=320, pattern=_CURSOR, description="`next` of the page before.")

    @field_validator("component")
    @classmethod
    def _named(cls, text: str) -> str:
        if text:
            Component.parse(text)
        return text

    def asked(self, since: datetime, until: datetime) -> Asked:
        """The question to the store."""
        component = Component.parse(self.component) if self.component else None
        kinds = (self.kind,) if self.kind else KINDS
        return Asked(since, until, kinds, self.cluster, (component,) if component else (), self.before)


class Changed(Filter):
    """What the API is asked: changes in [since, until), by default of the last 24 h; a time without a zone is UTC."""

    since: datetime | None = None
    until: datetime | None = None
    most: int = Field(100, ge=1, le=MOST - 1)

    def question(self, now: datetime) -> Asked:
        """The question to the store."""
        until = _utc(self.until) if self.until else now + timedelta(minutes=1)
        return self.asked(_utc(self.since) if self.since else until - timedelta(days=1), until)


class Chosen(Filter):
    """What the page is asked."""

    range: Span = "7d"


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def clusters_of(status: Status) -> list[str]:
    """The Kafka clusters that are asked, or that recordings are of."""
    asked = {one.name for one in status.collectors if one.kind == "kafka"}
    recorded = (one.name.partition("/") for one in status.collectors if one.kind == "recording")
    return sorted(asked | {name for kind, _, name in recorded if kind == "kafka"})


def router(views: Views, frame: Frame, status: Callable[[], Status]) -> APIRouter:
    """One page."""
    pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    @pages.get("/changes")
    def changes(request: Request, chosen: Annotated[Chosen, Query()]) -> HTMLResponse:
        """What changed when, across the estate."""
        now, clusters = views.now(), clusters_of(status())
        asked = chosen.asked(now - SPANS[chosen.range], now + timedelta(minutes=1))
        found = views.changes(asked, PER_PAGE + 1)
        rows = found[:PER_PAGE]
        older = str(request.url.include_query_params(before=rows[-1].cursor).query) if len(found) > PER_PAGE else ""
        told = lines(rows)
        return frame.page(
            request,
            "changes.html",
            _headline(told, chosen, len(found) > PER_PAGE, clusters, now),
            here="Changes",
            rows=told,
            older=Markup('<div class="pad"><a class="btn" href="?{}">Older</a></div>').format(older) if older else "",
            clusters=clusters,
            kinds=_KINDS,
            spans=[(key, words, _with(request, key)) for key, words in _WORDS.items()],
            chosen=chosen,
        )

    return pages


def _with(request: Request, span: str) -> str:
    return str(request.url.include_query_params(range=span).remove_query_params("before").query)


def _headline(told: list[Line], chosen: Chosen, more: bool, clusters: list[str], now: datetime) -> str:
    within = _WORDS[chosen.range]
    if not told and not clusters:
        return "No cluster is watched: what changed in settings is not seen"
    if not told:
        return f"Nothing changed in {within}" if not chosen.before else "Nothing older changed"
    if chosen.before:
        return f"What changed before {told[0].at:%-d %b, %H:%M}"
    some = f"More than {PER_PAGE} settings" if more else counted(len(told), "setting")
    return f"{some} changed in {within}, the last {ago(told[0].at, now)} ago"
