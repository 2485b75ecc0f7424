"""What people say of findings: by form and by API, with the same checks."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field

from agent.model.finding import Disposition, Said
from agent.store.store import Store
from agent.web.frame import Frame
from agent.web.pages import finding_page
from agent.web.views import Views

_WORDS = {
    "ack": Disposition.ACKNOWLEDGED,
    "silence": Disposition.SILENCED,
    "dispute": Disposition.DISPUTED,
    "waive": Disposition.WAIVED,
}
_LONGEST = timedelta(days=366)


class Saying(BaseModel):
    """Who says it, why, and until when."""

    owner: str = Field("", max_length=200)
    reason: str = Field("", max_length=2000)
    until: str = Field("", max_length=40)


def check(word: str, saying: Saying, now: datetime) -> tuple[Said | None, str]:
    """The disposition, or what is wrong with it in one sentence."""
    if word not in _WORDS:
        return None, f"A finding can be {', '.join(_WORDS)}; not {word}."
    if word != "ack" and not saying.reason.strip():
        return None, "Say why: the reason is shown to whoever finds this later."
    if word == "waive" and not saying.owner.strip():
        return None, "Name an owner: somebody answers for a waiver."
    until: datetime | None = None
    if word in ("silence", "waive"):
        until = _day(saying.until)
        if until is None:
            return None, "Give the day it ends, such as 2027-01-31."
        if not now < until <= now + _LONGEST:
            return None, "It ends in the future, within a year."
    return Said(_WORDS[word], saying.owner.strip(), saying.reason.strip(), now, until), ""


def _day(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def router(store: Store, views: Views, frame: Frame) -> APIRouter:
    """The two doors of one change."""
    changes = APIRouter()

    def say(fingerprint: str, word: str, saying: Saying) -> str:
        said, wrong = check(word, saying, views.now())
        if said is None:
            return wrong
        if store.say(fingerprint, said, views.now()) is None:
            raise HTTPException(404, f"There is no finding {fingerprint}.")
        views.forget()
        return ""

    @changes.post("/findings/{fingerprint}/{word}", include_in_schema=False)
    def by_form(
        request: Request,
        fingerprint: str,
        word: str,
        owner: Annotated[str, Form(max_length=200)] = "",
        reason: Annotated[str, Form(max_length=2000)] = "",
        until: Annotated[str, Form(max_length=40)] = "",
    ) -> Response:
        wrong = say(fingerprint, word, Saying(owner=owner, reason=reason, until=until))
        if wrong:
            return finding_page(views, frame, request, fingerprint, wrong, 422)
        return RedirectResponse(f"/findings/{fingerprint}", 303)

    @changes.post("/api/v1/findings/{fingerprint}/{word}")
    def by_api(fingerprint: str, word: str, saying: Saying) -> dict[str, Any]:
        """Say something of a finding: ack, silence, dispute or waive."""
        wrong = say(fingerprint, word, saying)
        if wrong:
            raise HTTPException(422, wrong)
        return {"fingerprint": fingerprint, "said": word}

    return changes
