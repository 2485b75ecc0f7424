"""SCH-04: one table, several owners."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.facts import ExemplarKind
from agent.model.rule import HARM, Stability, rule
from agent.model.subjects import Table, TableUser
from agent.model.verdict import AnyOf, Claim, Evidence, Need, Path, Reason, Severity, Verdict, fails_when
from rules.contracts.shared_table import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of SCH-04."""

    #: statements of one user; one or two may be a repair by hand (a statement kept as exemplar counts at once)
    least: int = 3
    #: owners that write one table; the second one ends the first one's say over it
    writers: int = 2
    #: users of other owners that read it; one reader is often a report, three are an interface (ours)
    readers: int = 3
    #: days without a second writer before that is worth saying: weekly jobs must have had their turn
    watched_days: int = 7


@rule(
    "SCH-04",
    severity=Severity.HIGH,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=HARM,
    lookback=timedelta(days=7),
    stability=Stability.STABLE,
)
def shared_table(table: Table, cfg: Config) -> Verdict:
    """Several owners write one table, or several read another owner's table."""
    writers = [user for user in table.writers if _counts(user, cfg)]
    readers = [user for user in table.readers if _counts(user, cfg)]
    owners = {_owner(user) for user in writers}
    holders = {table.owner} if table.owner else owners
    foreign = sorted({str(user.component) for user in readers if _owner(user) not in holders | owners})
    shared, users = len(owners) >= cfg.writers, counted(len(foreign), "user")
    return fails_when(
        Need("users seen", len(table.writers) + len(table.readers), ">=", 1, reason=Reason.NOT_SENT, learn=_LEARN),
        Need("days watched", round(table.observed_for / timedelta(days=1), 1), ">=", cfg.watched_days),
        AnyOf(
            (
                Path("written", (Claim("owners that write it", len(owners), ">=", cfg.writers),)),
                Path("read", (_readers(len(foreign) if holders else None, cfg),)),
            )
        ),
        harm=True,
        says=_written(table, writers) if shared else _read(table, foreign, holders),
        meets=f"{table.table.name} is written by {len(owners)} owner and read by {users} of others."
        if len(owners) == 1
        else f"{table.table.name} is written by no one seen and read by {users} of others.",
        evidence=_evidence(table, writers, readers, cfg),
        do=_do(table, writers, foreign, holders, shared=shared),
        show={
            "writers": ", ".join(_name(user) for user in table.writers),
            "readers": ", ".join(_name(user) for user in table.readers),
        },
    )


_LEARN = "send database client spans with db.collection.name"
_NAMED = 4  #: users in a sentence; a fifth one alone is named as well


def _readers(count: int | None, cfg: Config) -> Claim:
    learn = "declare the table's owner, or send the spans of what writes it"
    return Claim("users of other owners that read it", count, ">=", cfg.readers, learn=learn)


def _counts(user: TableUser, cfg: Config) -> bool:
    """A relay moves what another wrote, and a migration tool is its owner's hand: neither is a user of its own."""
    shown = user.exemplar is not None and user.exemplar.kind is ExemplarKind.WRITE and bool(user.exemplar.note)
    return not user.relay and (user.count >= cfg.least or shown)


def _owner(user: TableUser) -> str:
    return user.owner or str(user.component)


def _do(
    table: Table, writers: list[TableUser], foreign: list[str], holders: set[str], *, shared: bool
) -> tuple[str, ...]:
    if shared:
        return steps.written(table, [(_owner(user), user) for user in writers])
    return steps.read(table, _bare(foreign), _bare(sorted(holders)))


def _evidence(table: Table, writers: list[TableUser], readers: list[TableUser], cfg: Config) -> Evidence:
    """One step weaker where the owners are only assumed: two services of one team would look the same."""
    declared = {user.owner for user in writers if user.owner}
    if len(declared) >= cfg.writers:
        return Evidence.OBSERVED
    holder = declared | ({table.owner} if table.owner else set())
    outside = [user for user in readers if user.owner and user.owner not in holder]
    return Evidence.OBSERVED if holder and len(outside) >= cfg.readers else Evidence.EXPOSURE


def _name(user: TableUser) -> str:
    return f"{user.component.name} ({user.owner})" if user.owner else user.component.name


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _written(table: Table, writers: list[TableUser]) -> str:
    """Each owner's busiest user first, then the others: whoever is not named is counted."""
    turns: Counter[str] = Counter()
    told: list[tuple[int, str]] = []
    for user in sorted(writers, key=lambda user: -user.count):
        turns[_owner(user)] += 1
        told.append((turns[_owner(user)], f"{_name(user)} {_times(user.count)}"))
    *names, last = _few([name for _, name in sorted(told, key=lambda one: one[0])])
    return f"{table.table.name} is written by {len(turns)} owners: {', '.join(names)} and {last}."


def _few(names: list[str]) -> list[str]:
    """All, or the first ones and how many more there are."""
    left = len(names) - _NAMED
    return [*names[:_NAMED], f"{left} more"] if left > 1 else names


def _bare(names: Iterable[str]) -> list[str]:
    """Components by their names, and owners as they are."""
    return [name.partition(":")[2] or name for name in names]


def _read(table: Table, foreign: list[str], holders: set[str]) -> str:
    names, owner = ", ".join(_few(_bare(foreign))), ", ".join(sorted(_bare(holders)))
    return f"{table.table.name} of {owner} is read by {counted(len(foreign), 'user')} of other owners: {names}."
