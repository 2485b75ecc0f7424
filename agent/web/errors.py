"""What is told where a request cannot be answered: what happened, to what, and what to do.

The API answers `{"error": ..., "what": ...}`, whatever went wrong; a page says the same as a page.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from agent.model.plain import plain
from agent.store.engine import StoreProblem
from agent.web.frame import Frame

_HEADLINES = {
    400: "That request has mistakes",
    403: "That is not taken",
    404: "There is nothing here",
    405: "That cannot be done here",
    413: "That is too large",
    422: "That request has mistakes",
}
_MOST = 5  #: mistakes of one request that are told
_LONGEST = 80  #: characters of what somebody sent that are said again
_KINDS = {
    dict: "an object",
    list: "a list",
    bool: "true or false",
    int: "a number",
    float: "a number",
    UploadFile: "a file",
}
_AGAIN = {"Retry-After": "5"}  #: seconds; a store that answers again is known within them
_OBJECT = 'Send a JSON object, such as {"owner": "web"}.'


def is_api(request: Request) -> bool:
    """Whether who asks is a program."""
    return request.url.path.startswith("/api/")


def told(request: Request, code: int, what: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error that needs no store: JSON for the API, else a line of text."""
    if is_api(request):
        return JSONResponse({"error": _HEADLINES[code], "what": what}, code, headers)
    return PlainTextResponse(f"{what}\n", code, headers)


def shown(text: object) -> str:
    """What somebody sent, fit to be said again: no control characters, not too long."""
    told = plain(str(text), "\N{REPLACEMENT CHARACTER}")
    return told if len(told) <= _LONGEST else f"{told[:_LONGEST]}…"


def install(app: FastAPI, frame: Frame, silent: str) -> None:
    """Answer everything that goes wrong; `silent` is what is told where the store does not answer."""

    def answer(request: Request, code: int, what: str, headers: Mapping[str, str] | None = None) -> Response:
        if is_api(request):
            return told(request, code, what, headers)
        headline = _HEADLINES.get(code, "That did not work")
        try:
            page = frame.page(request, "error.html", headline, status_code=code, what=what)
        except StoreProblem:
            page = frame.bare(request, "error.html", headline, code, what=what)
        page.headers.update(headers or {})
        return page

    @app.exception_handler(HTTPException)
    def http(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)  # noqa: S101  # it is registered for no other
        what = _WORDS.get(problem.status_code, _as_it_is)(request, problem)
        return answer(request, problem.status_code, what, problem.headers)

    @app.exception_handler(RequestValidationError)
    def wrong(request: Request, problem: Exception) -> Response:
        errors = problem.errors() if isinstance(problem, RequestValidationError) else []
        what = " ".join(_mistake(request, error) for error in errors[:_MOST])
        more = len(errors) - _MOST
        return answer(request, 422, f"{what} There are {more:,} more." if more > 0 else what)

    @app.exception_handler(StoreProblem)
    def unreachable(request: Request, _problem: Exception) -> Response:
        if is_api(request):
            return JSONResponse({"error": "store unreachable", "what": silent}, 503, _AGAIN)
        page = frame.last_known(request, silent)
        page.headers.update(_AGAIN)
        return page


def _as_it_is(_request: Request, problem: HTTPException) -> str:
    return problem.detail


def _nothing(request: Request, problem: HTTPException) -> str:
    """Nothing has this name, or this address: what lists those that there are."""
    path = shown(request.url.path)
    if problem.detail != "Not Found":
        among = "/".join(request.url.path.split("/")[:4])
        return f"{problem.detail} {among} lists those that there are." if is_api(request) else problem.detail
    return f"No address is {path}. /api/v1/openapi.json lists them." if is_api(request) else f"No page is at {path}."


def _not_so(request: Request, problem: HTTPException) -> str:
    takes = (problem.headers or {}).get("Allow", "")
    path = shown(request.url.path)
    return f"{path} takes {takes}, not {shown(request.method)}." if takes else f"{path} does not take {request.method}."


def _unreadable(_request: Request, _problem: HTTPException) -> str:
    return f"The body is no JSON in UTF-8, or is nested too deep. {_OBJECT}"


_WORDS: Mapping[int, Callable[[Request, HTTPException], str]] = {400: _unreadable, 404: _nothing, 405: _not_so}


def _mistake(request: Request, error: Mapping[str, Any]) -> str:
    """One mistake in a sentence or two; `error` is one of pydantic's."""
    place = [str(part) for part in error["loc"][1:]]
    if error["loc"][0] == "body" and (not place or error["type"] == "json_invalid"):
        return _body(request, error)
    return _field(shown(".".join(place)), error)


def _body(request: Request, error: Mapping[str, Any]) -> str:
    """A body that is none of ours as a whole."""
    sent = request.headers.get("content-type", "").partition(";")[0]
    if error["type"] == "missing":
        return f"The body is missing. {_OBJECT}"
    if error["type"] == "json_invalid":
        return f"The body is no JSON from character {int(error['loc'][-1]) + 1:,} on. {_OBJECT}"
    if isinstance(error["input"], bytes | str) and not sent.endswith("json"):
        came = f"came as {shown(sent)}" if sent else "does not say what it is"
        return f"The body {came}. Send JSON with Content-Type: application/json."
    return f"The body is {_kind(error['input'])}. {_OBJECT}"


def _field(name: str, error: Mapping[str, Any]) -> str:
    """One key of the body, or one part of the address."""
    kind, sent = error["type"], error.get("input")
    if kind == "extra_forbidden":
        return f'"{name}" means nothing here. Write owner, reason or until.'
    if kind == "string_unicode":
        return f"{name} has half a character (of a surrogate pair). Write it without."
    if kind == "string_type":
        return f'{name} is {_kind(sent)}. Write it as text, such as "web".'
    if kind == "string_too_long":
        return f"{name} has {len(str(sent)):,} characters. Write at most {error['ctx']['max_length']:,}."
    if kind.startswith("int_"):
        return f'{name} is "{shown(sent)}". Write a whole number, such as 1.'
    if kind == "literal_error":
        choices = ", ".join(filter(None, re.findall("'([^']*)'", error["ctx"]["expected"])))
        return f'{name} is "{shown(sent)}". It can be {choices}.'
    return f"{name}: {error['msg']}."


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), "text")
