"""What to do about SCH-04: who keeps the table, what the others get in its place, and which right ends."""

import re
from collections.abc import Sequence

from agent.model.counting import counted
from agent.model.seam import Component
from agent.model.steps import code, declare, few, own
from agent.model.subjects import Table, TableUser

_PLAIN = re.compile(r"[^\W\d]\w*")
_RELATIONAL = ("postgresql", "mysql", "mariadb", "mssql", "oracle", "cockroachdb")


def written(table: Table, writers: Sequence[TableUser], owners: dict[Component, str]) -> tuple[str, ...]:
    """Of several writers the declared owner stays, else the busiest; the others end, the one with the least first."""
    ranked = sorted(writers, key=lambda user: user.count)
    declared = [user for user in ranked if table.owner is not None and user.owner == table.owner]
    keeper = (declared or ranked)[-1]
    others = [user for user in ranked if owners[user.component] != owners[keeper.component]]
    first = others[0]
    return (
        f"Let {own(keeper.component)} alone write {own(table.table)}, and begin with {own(first.component)} "
        f"({counted(first.count, 'write')} in 7 d): let it ask {own(keeper.component)} for the "
        f"change, by an API or by an event.",
        *_then(others[1:]),
        *_ended(table.table, others),
        *_one_team(keeper, first),
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


def _ended(table: Component, others: Sequence[TableUser]) -> tuple[str, ...]:
    if table.name.partition("/")[0] not in _RELATIONAL:
        return ()
    names, right = few(user.component.name for user in others), _revoke("INSERT, UPDATE, DELETE", table)
    return (f"Then end the right to write it, with the database user of {names}: {right}.",)


def _revoke(rights: str, table: Component) -> str:
    """A line for a person to type; nothing here runs it. PostgreSQL reaches no other database than its session's."""
    system, _, name = table.name.rpartition("/")
    inside = name.partition(".")[2] if system in ("postgresql", "cockroachdb") else ""
    return code(" ".join(("REVOKE", rights, "ON", _identifier(inside or name), "FROM USER")))


def _identifier(name: str) -> str:
    """A name as SQL takes it: a part that is no plain word is quoted, for it comes from whoever sends."""
    return ".".join(
        part if _PLAIN.fullmatch(part) else '"{}"'.format(part.replace('"', '""')) for part in name.split(".")
    )
