"""A gateway's part of a recording: how each route is set up. Who calls it comes from logs and spans."""

from collections.abc import Iterator
from datetime import datetime

from agent.model import seam
from agent.model.facts import Fact, Setting, Sighting
from collectors.recording.section import Section

NAME = "gateway"
ANY = "ANY"  #: a route without methods takes them all
MAX_ROUTES = 500  #: methods times paths of one entry
_TIMEOUTS = ("connect", "read", "write")


def facts(line: Section, gateway: str, at: datetime) -> Iterator[Fact]:
    """Every fact of one line."""
    routes = line.sections("routes")
    if routes is not None:
        yield Setting(seam.source(NAME, gateway), "routes_listed", "true", at, NAME)
    for name, section in (routes or {}).items():
        methods, paths = section.texts("methods") or [ANY], section.texts("paths") or ["/"]
        settings = {"route": seam.clean(name)} | _settings(section)
        section.close()
        pairs = sorted({(method.upper(), path) for method in methods for path in paths})
        if len(pairs) > MAX_ROUTES:
            line.tally.reject("routes.* has too many methods and paths")
        for method, path in pairs[:MAX_ROUTES]:
            route = seam.route(gateway, method, path)
            yield Sighting(route, at, {"route": settings["route"]})
            yield from (Setting(route, key, value, at, NAME) for key, value in settings.items())


def _settings(section: Section) -> dict[str, str]:
    timeouts, retries, plugins = section.section("timeout_seconds"), section.whole("retries"), section.texts("plugins")
    found: dict[str, str] = {}
    if timeouts is not None:
        seconds = {key: timeouts.seconds(key) for key in _TIMEOUTS}
        timeouts.close()
        found |= {f"timeout_seconds.{key}": f"{value:g}" for key, value in seconds.items() if value is not None}
    if retries is not None:
        found["retries"] = str(retries)
    if plugins is not None:
        found["plugins"] = ",".join(sorted({seam.clean(plugin) for plugin in plugins}))
    return found
