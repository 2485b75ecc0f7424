"""The recorded exchanges of a real registry as one line of a recording: what it held when they ended."""

import json
import re
from pathlib import Path
from typing import Any

CAPTURE = Path(__file__).parent / "captures" / "schema-registry" / "apicurio-3.3.3-ccompat-v7.json"
_VERSIONS = re.compile(r"/subjects/([^/?]+)/versions")
_DELETED = re.compile(r"/subjects/([^/?]+)")
_SET = re.compile(r"/(config|mode)/([^/?]+)")


def exchanges() -> list[dict[str, Any]]:
    """Every request with its response, in order."""
    found: list[dict[str, Any]] = json.loads(CAPTURE.read_text())
    return found


class Registry:
    """What the registry held after some exchanges."""

    def __init__(self) -> None:
        self.subjects: dict[str, dict[str, Any]] = {}
        self.whole: dict[str, Any] = {}

    def take(self, exchange: dict[str, Any]) -> None:
        """Follow one exchange; what was refused changes nothing."""
        method, path, answer = exchange["method"], exchange["path"], exchange["response"]
        if exchange["status"] != 200:
            return
        if method == "GET" and path in ("/config", "/mode"):
            self.whole |= {"compatibility" if key == "compatibilityLevel" else key: v for key, v in answer.items()}
        elif method == "POST" and (named := _VERSIONS.fullmatch(path)):
            self._register(named[1], exchange["request"], answer["id"])
        elif method == "DELETE" and (named := _DELETED.match(path)):
            self.subjects.pop(named[1], None)
        elif method == "PUT" and (named := _SET.fullmatch(path)):
            key = "compatibility" if named[1] == "config" else "mode"
            self._subject(named[2])[key] = answer[key]

    def _subject(self, name: str) -> dict[str, Any]:
        return self.subjects.setdefault(name, {"compatibility": None, "mode": None, "versions": {}})

    def _register(self, name: str, request: dict[str, Any], identity: int) -> None:
        versions = self._subject(name)["versions"]
        if identity in [version["id"] for version in versions.values()]:
            return
        made = {"id": identity, "type": request.get("schemaType", "AVRO"), "schema": request["schema"]}
        versions[str(len(versions) + 1)] = made | {"references": request.get("references", [])}

    def line(self, at: str, name: str = "main") -> dict[str, Any]:
        """A line of a recording."""
        held = {"registry": name, "at": at, "subjects": self.subjects}
        return {"recording": 1, "source": "registry"} | self.whole | held


def recorded() -> Registry:
    """The registry after all that was recorded."""
    registry = Registry()
    for exchange in exchanges():
        registry.take(exchange)
    return registry
