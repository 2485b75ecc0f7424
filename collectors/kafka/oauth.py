"""Tokens for OAUTHBEARER, by the client credentials grant (RFC 6749 §4.4), kept until shortly before they end."""

import time
from collections.abc import Callable

import requests

from collectors.kafka.access import TroubleError, Why

EARLY = 30.0  #: s before its end a token is renewed
LASTING = 300.0  #: s that a token lasts which does not say so
TIMEOUT = 10.0


def from_endpoint(url: str, client: str, secret: str, scope: str | None) -> Callable[[], str]:
    """What gives a token that lasts; raises TroubleError where the endpoint gives none."""
    kept: tuple[str, float] = ("", 0.0)

    def fresh() -> str:
        nonlocal kept
        if time.monotonic() >= kept[1]:
            kept = _asked(url, client, secret, scope)
        return kept[0]

    return fresh


def _asked(url: str, client: str, secret: str, scope: str | None) -> tuple[str, float]:
    form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
    try:
        answer = requests.post(url, data=form, auth=(client, secret), timeout=TIMEOUT, allow_redirects=False)
        told = answer.json() if answer.status_code == requests.codes.ok else {}
    except (requests.RequestException, ValueError) as problem:
        raise TroubleError(Why.LOGIN, f"{url}: no token ({type(problem).__name__})") from None
    token = told.get("access_token") if isinstance(told, dict) else None
    if not isinstance(token, str) or not token:
        raise TroubleError(Why.LOGIN, f"{url}: no token (HTTP {answer.status_code})")
    lasts = told.get("expires_in", LASTING)
    seconds = float(lasts) if isinstance(lasts, int | float) and not isinstance(lasts, bool) else LASTING
    return token, time.monotonic() + max(0.0, seconds - EARLY)
