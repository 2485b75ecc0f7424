"""From a query's span to the tables that it reads and writes."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from agent.model import seam
from agent.model.columns import Instrument, Role, Shape
from collectors.otlp import conventions as c
from collectors.otlp.budget import Look
from collectors.otlp.databases import System, system_of
from collectors.otlp.sql import read, read_in_haste


def table_shape(seen: c.Seen, names: c.Names) -> Shape:
    """The shape of a query; what is neither a read nor a write of a table crosses no seam."""
    system = system_of(c.text(seen.get, c.DB_SYSTEM))
    database = c.text(seen.get, c.DB_NAMESPACE)
    server = _server(seen.get, system)
    alias = names.databases.get(server)
    me = seam.service(seen.sender.service)
    seams: list[seam.SeamKey] = []
    effects: list[tuple[str, bool]] = []
    for name, verb, guarded in _touched(seen, system):
        make = _table if len(database) + len(name) <= _SHORT else seam.table
        table = make(system.name, database, name, alias)
        if verb in system.reads:
            seams.append(seam.reads(table, me))
        elif verb in system.writes:
            seams.append(seam.writes(me, table))
            effects.append((f"{verb} {table}", guarded))
    unguarded = [effect for effect, guarded in effects if not guarded]
    return replace(
        c.plain(seen.sender, Role.QUERY),
        instrument=Instrument(),
        seams=tuple(dict.fromkeys(seams)),
        operation=(unguarded or [effect for effect, _ in effects] or [""])[0],
        guarded=not unguarded,
        server="" if alias else server,
    )


_SHORT = 256  #: characters of a database's and a table's name
_table = lru_cache(maxsize=4096)(seam.table)  #: what many statements name is one object


def _server(get: c.Get, system: System) -> str:
    """`host:port` of a server, in small letters, with the system's own port where none is told."""
    host, port = c.text(get, c.HOST).strip().lower().rstrip("."), c.text(get, c.PORT)
    if not port and host.count(":") == 1:
        host, _, port = host.partition(":")
    port = port or str(system.port or "")
    return f"{host}:{port}" if host and port else host


def _touched(seen: c.Seen, system: System) -> list[tuple[str, str, bool]]:
    """Tables with the verb, and whether doing it twice changes nothing."""
    statement = c.text(seen.get, c.DB_TEXT, c.STATEMENT) if system.speaks_sql else ""
    if statement:
        found = _told(seen.look, statement, system)
        if found:
            return found
    summary = c.text(seen.get, c.DB_SUMMARY).split()
    table = c.text(seen.get, c.DB_TABLE)
    verb = next(iter((c.text(seen.get, c.DB_VERB) or seen.name).split() or summary), "").upper()
    pairs = [(table, verb)] if table else _summarised(summary, system)
    return [(name, verb, verb in system.repeatable) for name, verb in pairs if verb]


_IN_HASTE = 0.5  #: where less than this part of the budget is left, new statements are read by their words only


def _told(look: Look, statement: str, system: System) -> list[tuple[str, str, bool]]:
    """What a statement tells; nothing where nothing is left for it. The look says what was left out."""
    left = look.budget.left()
    if left <= 0:
        look.whole = look.lasting = False
        return []
    told = (read_in_haste if left < _IN_HASTE else read)(statement, system.name)
    look.whole, look.lasting = told.whole, told.lasting
    return [(access.table, access.verb, access.guarded) for access in told.found]


def _summarised(words: list[str], system: System) -> Iterator[tuple[str, str]]:
    """Tables of a summary such as `INSERT shipments SELECT orders`, each with the verb that it stands behind."""
    verb = ""
    for number, word in enumerate(words):
        if not number or word.upper() in system.reads | system.writes:
            verb = word.upper()
        else:
            yield word, verb
