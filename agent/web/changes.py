"""What people say of findings: by form and by API, with the same checks."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field

from agent.model.finding import UnsaidError
from agent.model.saying import MAX_OWNER, MAX_REASON, MAX_UNTIL, UNSAID, check
from agent.store.store import Store
from agent.web.errors import shown
from agent.web.frame import Frame
from agent.web.pages import finding_page
from agent.web.shapes import errors
from agent.web.views import Views

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def _told(most: int) -> Any:
    """A text of which `check` says what is wrong; its length is told to who reads the API's description."""
    return Field("", json_schema_extra={"maxLength": most})


class Saying(BaseModel):
    """Who says it, why, and until when. A key that nobody knows is refused: what it meant would be lost."""

    model_config = ConfigDict(extra="forbid")
    owner: str = _told(MAX_OWNER)
    reason: str = _told(MAX_REASON)
    until: str = _told(MAX_UNTIL)


def _only_a_form(request: Request) -> None:
    """Refuse any other body, of which nothing would be read."""
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent and sent not in _FORMS:
        raise HTTPException(422, f"The body came as {shown(sent)}. Send a form, or JSON to /api/v1.")


def _say(store: Store, views: Views, fingerprint: str, word: str, saying: Saying) -> str:
    """Keep it; what is wrong with it where it is not taken."""
    said, wrong = check(word, saying.owner, saying.reason, saying.until, views.now())
    if said is None:
        return wrong
    try:
        found = store.say(fingerprint, said, views.now())
    except UnsaidError:
        return UNSAID
    if found is None:
        raise HTTPException(404, f"There is no finding {shown(fingerprint)}.")
    views.forget()
    return ""


def router(store: Store, views: Views, frame: Frame) -> APIRouter:
    """The two doors of one change."""
    changes = APIRouter()

    @changes.post("/findings/{fingerprint}/{word}", include_in_schema=False)
    def by_form(request: Request, fingerprint: str, word: str, saying: Annotated[Saying, Form()]) -> Response:
        _only_a_form(request)
        wrong = _say(store, views, fingerprint, word, saying)
        if wrong:
            return finding_page(views, frame, request, fingerprint, wrong, 422)
        return RedirectResponse(f"/findings/{fingerprint}", 303)

    @changes.post("/api/v1/findings/{fingerprint}/{word}", responses=errors(400, 403, 404, 413, 422, 503))
    def by_api(fingerprint: str, word: str, saying: Saying) -> dict[str, Any]:
        """Say something of a finding: ack, silence, dispute or waive; reopen takes it back."""
        wrong = _say(store, views, fingerprint, word, saying)
        if wrong:
            raise HTTPException(422, wrong)
        return {"fingerprint": fingerprint, "said": word}

    return changes
