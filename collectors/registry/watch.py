"""One schema registry, looked at again and again: subjects by turns, so that a big one is never asked all at once."""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote

from agent.model.pull import NotSeenError
from collectors.registry import told
from collectors.registry.texts import Texts

MOST_REQUESTS = 300  #: of a look
MOST_SECONDS = 60.0
MOST_TEXT = 8 << 20  #: characters of schemas in one line, which must stay under 16 MiB to be read
MOST_CONTEXTS = 20
MOST_OF_ONE = 50  #: texts of one subject a look, so that one with many keeps none waiting
MOST_PROBLEMS = 3  #: subjects of which nothing could be had, after which a look ends
_OK, _LOGIN, _FORBIDDEN, _SLOWER = 200, 401, 403, 429
_MISSING = (404, 405, 501)


class Rest(Protocol):
    """How a registry is asked."""

    def get(self, path: str) -> tuple[int, Any]:
        """Status and JSON of an answer; raise NotSeenError."""


class _EnoughError(Exception):
    """No more of this look: what is left comes with the next ones."""


class Watch:
    """Turns one registry's answers into what a line of a recording tells."""

    def __init__(
        self, rest: Rest, what: str, most: int = MOST_REQUESTS, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._rest, self._what, self._most, self._seconds = rest, what, most, seconds
        self._texts = Texts()
        self._turn: dict[str, int] = {}  #: the look that last asked of a subject; 0 where none did
        self._whole_ones: set[str] = set()  #: subjects of which every version was read
        self._looks = self._asked = self._told = 0
        self._until = 0.0
        self._modes = True  #: the registry has modes
        self._troubles: Counter[str] = Counter()
        self.refused: dict[str, str] = {}  #: what the last look was not answered, in words; empty where it is again

    def look(self) -> dict[str, Any]:
        """Look once. Raise NotSeenError."""
        self._looks += 1
        self._asked = self._told = 0
        self._until = self._seconds() + MOST_SECONDS
        self._troubles, self.refused = Counter(), dict.fromkeys(self.refused, "")
        names = self._names()
        self._turn = {name: self._turn.get(name, 0) for name in names}
        self._whole_ones &= self._turn.keys()
        self._texts.only(self._turn)
        found: dict[str, dict[str, Any]] = {name: {} for name in names}
        line: dict[str, Any] = {}
        try:
            line = self._whole()
            line |= self._contexts(names)
            self._by_turns(found)
        except _EnoughError:
            pass
        except NotSeenError as problem:  # what the registry itself tells, where its subjects were told
            self.refused["rest"] = str(problem)
        self._say(len(names))
        return line | {"subjects": found, "subjects_read": len(self._whole_ones), "refused": dict(self.refused)}

    def retell(self) -> None:
        """What was told last did not arrive."""
        self._texts = Texts()
        self._turn, self._whole_ones = {}, set()

    def _say(self, every: int) -> None:
        if (read := len(self._whole_ones)) < every:
            self.refused["subjects"] = f"{read:,} of {every:,} are read so far; the others come with the next looks"
        for what, count in self._troubles.items():
            part, _, why = what.partition(": ")
            self.refused[part] = f"{why} ({count:,} times)" if count > 1 else why

    def _names(self) -> list[str]:
        status, answer = self._rest.get("/subjects")
        self._asked += 1
        names = told.names(answer)
        if status in (_FORBIDDEN, _LOGIN):
            raise NotSeenError(f"{self._what} lets this user not look ({status}). Let it read all subjects.")
        if status in _MISSING:
            raise NotSeenError(
                f"{self._what} has no /subjects ({status}). Correct its address: Apicurio's ends in /apis/ccompat/v7."
            )
        if status != _OK or names is None:
            raise NotSeenError(f"{self._what} told no subjects (HTTP {status}). Look into its log.")
        if len(names) > told.MAX_SUBJECTS:
            raise NotSeenError(
                f"{self._what} has more than {told.MAX_SUBJECTS:,} subjects, which is more than is read."
            )
        return names

    def _whole(self) -> dict[str, Any]:
        """The rules of the registry itself; some have no modes at all."""
        line = self._rules("", "compatibility")
        status, answer = self._get("/mode")
        self._modes = status not in _MISSING
        if not self._modes:
            self.refused["mode"] = "not told by this registry"
        elif status != _OK:
            self._trouble("mode", status)
        return line | told.rule("mode", status, answer)

    def _contexts(self, names: list[str]) -> dict[str, Any]:
        contexts = told.contexts(names)[:MOST_CONTEXTS]
        found = {context: self._both(f":{context}:") for context in contexts}
        return {"contexts": found} if found else {}

    def _by_turns(self, found: dict[str, dict[str, Any]]) -> None:
        problems = 0
        for name in sorted(found, key=lambda one: (self._turn[one], one)):
            try:
                self._subject(name, found[name])
            except NotSeenError as problem:
                self.refused["answers"] = str(problem)
                problems += 1
            self._turn[name] = self._looks
            if problems >= MOST_PROBLEMS or self._told > MOST_TEXT:
                return

    def _subject(self, name: str, about: dict[str, Any]) -> None:
        about |= self._both(name)
        status, answer = self._get(f"/subjects/{_quoted(name)}/versions")
        numbers = told.numbers(answer) if status == _OK else None
        if numbers is None:
            self._trouble("versions", status)
        else:
            self._versions(name, numbers, about)

    def _versions(self, name: str, numbers: list[int], about: dict[str, Any]) -> None:
        """What was read before is told again as long as there is room in the line."""
        lacking = self._texts.lacking(name, numbers)
        self._whole_ones.discard(name)
        versions: dict[str, dict[str, Any]] = {str(number): {} for number in numbers}
        about["versions"] = versions
        for number in lacking[:MOST_OF_ONE]:
            versions[str(number)] = self._sized(self._version(name, number))
        for number in numbers:
            if not versions[str(number)] and self._told <= MOST_TEXT:
                versions[str(number)] = self._sized(self._texts.of(name, number))
        if not self._texts.lacking(name, numbers):
            self._whole_ones.add(name)

    def _sized(self, version: dict[str, Any]) -> dict[str, Any]:
        self._told += len(version.get("schema") or "")
        return version

    def _version(self, name: str, number: int) -> dict[str, Any]:
        status, answer = self._get(f"/subjects/{_quoted(name)}/versions/{number}")
        version = told.version(answer) if status == _OK else None
        if version is None:
            self._trouble("texts", status)
            return {}
        self._texts.keep(name, number, version)
        return version

    def _both(self, name: str) -> dict[str, Any]:
        return self._rules(name, "compatibility") | (self._rules(name, "mode") if self._modes else {})

    def _rules(self, name: str, key: str) -> dict[str, Any]:
        path = "config" if key == "compatibility" else key
        status, answer = self._get(f"/{path}/{_quoted(name)}" if name else f"/{path}")
        found = told.rule(key, status, answer)
        if not found:
            self._trouble(key, status)
        return found

    def _get(self, path: str) -> tuple[int, Any]:
        if self._asked >= self._most or self._seconds() > self._until:
            raise _EnoughError
        self._asked += 1
        status, answer = self._rest.get(path)
        if status == _SLOWER:
            self.refused["rest"] = "it asks for fewer questions (HTTP 429)"
            raise _EnoughError
        return status, answer

    def _trouble(self, what: str, status: int) -> None:
        why = "no right" if status == _FORBIDDEN else "answer not understood" if status == _OK else f"HTTP {status}"
        self._troubles[f"{what}: {why}"] += 1


def _quoted(name: str) -> str:
    return quote(name, safe="")
