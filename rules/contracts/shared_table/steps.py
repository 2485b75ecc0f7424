"""What to do about SCH-04: who keeps the table, what the others get in its place, and which right ends."""

import re
from collections.abc import Sequence

from agent.model.counting import counted
from agent.model.seam import Component
from agent.model.steps import code, declare, few, own
from agent.model.subjects import Table, TableUser

_PLAIN = re.compile(r"[^\W\d]\w*")
_RELATIONAL = ("postgresql", "mysql", "mariadb", "mssql", "oracle", "cockroachdb")


def written(table: Table, writers: Sequence[tuple[str, TableUser]]) -> tuple[str, ...]:
    """Of several writers the declared owner stays, else the busiest; the others end, the one with the least first."""
    ranked = sorted(writers, key=lambda one: one[1].count)
    declared = [one for one in ranked if table.owner is not None and one[1].owner == table.owner]
    owner, keeper = (declared or ranked)[-1]
    others = [user for other, user in ranked if other != owner]
    if not others:
        return ()
    first = others[0]
    if first.count == keeper.count and not declared:
        return (
            _decided(table, [user for _, user in ranked]),
            *_ended(table.table, "each other one"),
            *_one_team(keeper, first),
        )
    return (
        f"Let {own(keeper.component)} alone write {own(table.table)}, and begin with {own(first.component)} "
        f"({counted(first.count, 'write')} in 7 d): let it ask {own(keeper.component)} for the "
        f"change, by an API or by an event.",
        *_then(others[1:]),
        *_ended(table.table, few(user.component.name for user in others)),
        *_one_team(keeper, first),
    )


def _decided(table: Table, writers: Sequence[TableUser]) -> str:
    """Nothing here tells whose it is."""
    return (
        f"Decide who owns {own(table.table)}: {few(user.component.name for user in writers)} write it equally often "
        f"({counted(writers[0].count, 'write')} each in 7 d). Let that one alone write it, and the others ask it for a "
        f"change, by an API or by an event."
    )


def read(table: Table, foreign: Sequence[str], holders: Sequence[str]) -> tuple[str, ...]:
    """Readers of other owners get something that is made for them."""
    owner = few(holders)
    return (
        f"Let {owner} give {few(foreign)} what they read of {own(table.table)} as events (an outbox), as an API, or as "
        f"a view with a version: something that {owner} can keep while the table changes.",
        f"Then end their right to the table itself, one reader after the other, and tell them the day: "
        f"{_revoke('SELECT', table.table)}.",
    )


def _one_team(keeper: TableUser, other: TableUser) -> tuple[str, ...]:
    if keeper.owner and other.owner:
        return ()
    team = keeper.owner or other.owner or "TEAM"
    lacking = [user.component for user in (keeper, other) if not user.owner]
    lines = " and ".join(declare(component, "owner", team) for component in lacking)
    return (
        f"If {own(keeper.component)} and {own(other.component)} belong to one team, declare it in a workflow file, "
        f"under `components:`: {lines}.",
    )


def _then(others: Sequence[TableUser]) -> tuple[str, ...]:
    return (f"Then do the same for {few(user.component.name for user in others)}.",) if others else ()


def _ended(table: Component, whose: str) -> tuple[str, ...]:
    if table.name.partition("/")[0] not in _RELATIONAL:
        return ()
    right = _revoke("INSERT, UPDATE, DELETE", table)
    return (f"Then end the right to write it, with the role of {whose} in the database{_database(table)}: {right}.",)


def _revoke(rights: str, table: Component) -> str:
    """A line for a person to type; nothing here runs it. PostgreSQL reaches no other database than its session's."""
    system, _, name = table.name.rpartition("/")
    inside = name.partition(".")[2] if system in ("postgresql", "cockroachdb") else ""
    return code(" ".join(("REVOKE", rights, "ON", _identifier(inside or name), "FROM <role>")))


def _identifier(name: str) -> str:
    """A name as SQL takes it: a part that is no plain word is quoted, for it comes from whoever sends."""
    return ".".join(
        part if _PLAIN.fullmatch(part) else '"{}"'.format(part.replace('"', '""')) for part in name.split(".")
    )


def _database(table: Component) -> str:
    """Where its name tells one."""
    system, _, name = table.name.rpartition("/")
    return f" {code(name.partition('.')[0])}" if system in _RELATIONAL and "." in name else ""
