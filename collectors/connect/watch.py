"""One Connect cluster, looked at again and again: one request for everything, and a few more by turns."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from agent.model.pull import NotSeenError
from collectors.connect import told

EVERYTHING = "/connectors?expand=info&expand=status"
TURNS = 20  #: connectors a look of which topics and offsets are read
AGAIN = 60  #: looks after which is asked anew what a version does not have
PATIENCE = (1.0, 2.0)  #: s between tries while the workers share out their tasks
MAX_CONNECTORS = 10_000
MAX_LINE = 12 << 20  #: characters of settings in a line, which must stay under 16 MiB to be read
_REBALANCING, _FORBIDDEN, _MISSING, _OK = 409, 403, (404, 405, 501), 200
_TOLD_BY_NOBODY = {
    "topics": "not told by this version; Kafka 2.5 and newer tell it",
    "offsets": "not told by this version; Kafka 3.5 and newer tell it",
}
_HIDDEN = {
    "topics": "not told: the workers have topic.tracking.enable=false, or this user may not GET it",
    "offsets": "no right: let this user GET /connectors/*/offsets",
}


class Rest(Protocol):
    """How a cluster is asked."""

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of an answer; raise NotSeenError."""


class Watch:
    """Turns one cluster's answers into what a line of a recording tells."""

    def __init__(self, rest: Rest, what: str, pause: Callable[[float], object] = time.sleep) -> None:
        self._rest, self._what, self._pause = rest, what, pause
        self._looks = 0
        self._turn: dict[str, int] = {}  #: the look at which a connector was last asked of
        self._topics: dict[str, list[str]] = {}
        self._about: dict[str, str] = {}
        self._lacks: dict[str, str] = {}  #: what is not told, and why; asked anew every AGAIN looks
        self.refused: dict[str, str] = {}  #: what the last look was not answered, in words; empty where it is again

    def look(self) -> dict[str, Any]:
        """Look once. Raise NotSeenError."""
        self.refused = dict.fromkeys(self.refused, "")
        if self._looks % AGAIN == 0:
            self._lacks = {}
        found = self._everything()
        if not self._about or self._looks % AGAIN == 0:
            self._about = self._version()
        self._looks += 1
        self._by_turns(found)
        for name, topics in self._topics.items():
            found[name]["topics"] = topics
        return dict(self._about) | {"connectors": found, "refused": dict(self.refused)}

    def _everything(self) -> dict[str, told.Told]:
        status, answer = self._patiently()
        if status == _REBALANCING:
            raise NotSeenError(f"{self._what} shares out its tasks and tells nothing meanwhile (409).")
        if status == _FORBIDDEN:
            raise NotSeenError(f"{self._what} lets this user not look (403). Let it GET {EVERYTHING}.")
        if status in _MISSING:
            raise NotSeenError(f"{self._what} has no /connectors ({status}). Correct its address.")
        if status != _OK or not isinstance(answer, dict | list):
            raise NotSeenError(f"{self._what} told nothing of its connectors (HTTP {status}). Look into its log.")
        if len(answer) > MAX_CONNECTORS:
            raise NotSeenError(f"{self._what} has more than {MAX_CONNECTORS:,} connectors, which is more than is read.")
        if isinstance(answer, list):
            if answer:
                self.refused["connectors"] = "only their names are told; Kafka 2.3 and newer tell the rest"
            return self._bounded(told.named(answer))
        return self._bounded(told.connectors(answer))

    def _patiently(self) -> tuple[int, Any]:
        """Ask, and ask again while the workers share out their tasks."""
        for seconds in PATIENCE:
            found = self._rest.get(EVERYTHING)
            if found[0] != _REBALANCING:
                return found
            self._pause(seconds)
        return self._rest.get(EVERYTHING)

    def _bounded(self, every: Iterable[tuple[str, told.Told]]) -> dict[str, told.Told]:
        found: dict[str, told.Told] = {}
        size = left_out = 0
        for name, about in every:
            config = about.get("config") or {}
            size += sum(len(key) + len(value or "") for key, value in config.items()) + 200 * len(
                about.get("tasks", ())
            )
            if size > MAX_LINE:
                left_out += about.pop("config", None) is not None
            found[name] = about
        if left_out:
            self.refused["settings"] = f"those of {left_out:,} connectors are left out, over {MAX_LINE >> 20} MiB"
        return found

    def _version(self) -> dict[str, str]:
        """What a worker says of itself; some proxies let nobody ask."""
        try:
            status, answer = self._rest.get("/")
        except NotSeenError:
            return {}
        if status != _OK or not isinstance(answer, dict):
            return {}
        return {key: answer[key][:200] for key in ("version", "kafka_cluster_id") if isinstance(answer.get(key), str)}

    def _by_turns(self, found: Mapping[str, told.Told]) -> None:
        self._turn = {name: self._turn.get(name, 0) for name in found}
        self._topics = {name: topics for name, topics in self._topics.items() if name in found}
        for name in sorted(found, key=lambda one: (self._turn[one], one))[:TURNS]:
            self._turn[name] = self._looks
            try:
                self._more(name, found[name])
            except NotSeenError as problem:
                self.refused["rest"] = str(problem)
                break
        self.refused |= self._lacks

    def _more(self, name: str, about: told.Told) -> None:
        topics = told.topics(name, self._part(name, "topics"))
        if topics is not None:
            self._topics[name] = topics
        offsets = told.offsets(self._part(name, "offsets")) if about.get("type") == "sink" else None
        if offsets is not None:
            about["offsets"] = offsets

    def _part(self, name: str, part: str) -> Any:
        if part in self._lacks:
            return None
        status, answer = self._rest.get(f"/connectors/{quote(name, safe='')}/{part}")
        if status in _MISSING and not _gone(name, answer):
            self._lacks[part] = _TOLD_BY_NOBODY[part]
        elif status == _FORBIDDEN:
            self._lacks[part] = _HIDDEN[part]
        elif status != _OK and status != _REBALANCING and status not in _MISSING:
            self.refused[part] = f"not told of every connector (HTTP {status})"
        return answer if status == _OK else None


def _gone(name: str, answer: object) -> bool:
    """It was deleted since it was listed."""
    said = answer.get("message") if isinstance(answer, dict) else None
    return isinstance(said, str) and name in said and not said.startswith("HTTP ")
