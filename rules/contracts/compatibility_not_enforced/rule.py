"""SCH-01: a registry that lets a shared schema change in any way, or looks back one version only."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.rule import SLOW, rule
from agent.model.steps import length
from agent.model.subjects import Contract
from agent.model.verdict import Claim, Evidence, OnlyIf, Reason, Severity, Unless, Verdict, fails_when
from rules.contracts.compatibility_not_enforced.steps import steps

DEVELOPMENT = frozenset(("dev", "development", "local", "sandbox", "test", "testing"))
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Config:
    """Thresholds of SCH-01."""

    #: groups that read it; one alone can be upgraded together with its writer
    readers: int = 2
    #: versions; the only one that a second is checked against is the first, so nothing is passed over before
    versions: int = 2


@rule(
    "SCH-01",
    severity=Severity.HIGH,
    evidence=Evidence.EXPOSURE,
    config=Config,
    hold=SLOW,
    lookback=timedelta(days=7),
)
def compatibility_not_enforced(contract: Contract, cfg: Config) -> Verdict:
    """A schema that several read may change in any way, or is checked against its last version only."""
    mode = contract.compatibility.upper() if contract.compatibility else None
    last_only = mode == "BACKWARD"
    return fails_when(
        OnlyIf("a schema outside of development", (contract.environment or "").lower() not in DEVELOPMENT),
        Claim(
            "effective compatibility",
            mode,
            "==",
            "BACKWARD" if last_only else "NONE",
            learn="let the recording tell the registry's compatibility, and that of the subject",
        ),
        _readers(contract, cfg),
        *(_old_records(contract, cfg) if last_only else ()),
        Unless("one team writes and reads it", _one_team(contract)),
        says=_last_only(contract) if last_only else _unchecked(contract),
        meets=f"{contract.contract.name} has compatibility {mode}, and {_readers_in_words(contract)} it."
        if mode
        else "",
        severity=Severity.MEDIUM if last_only else None,
        weighed="each version is still checked against the one before" if last_only else "",
        do=steps(contract),
        show={
            "compatibility": mode,
            "inherited from the registry": contract.inherited,
            "mode": contract.mode,
            "readers": ", ".join(reader.name for reader in contract.readers),
            "topics": ", ".join(topic.name for topic in contract.topics),
        },
    )


def _readers(contract: Contract, cfg: Config) -> Claim:
    """Those that were seen are a lower bound, until a broker has told all of them."""
    count = len(contract.readers)
    known = count >= cfg.readers or contract.readers_listed
    learn = "let the agent watch the cluster (`clusters` in the configuration), or give a recording of it" + (
        "" if contract.topics else f", or declare `contract: {contract.contract.name.partition('/')[2]}` on its topic"
    )
    return Claim("groups that read it", count if known else None, ">=", cfg.readers, learn=learn)


def _old_records(contract: Contract, cfg: Config) -> tuple[Claim, ...]:
    """Records that the next version is not checked against may be read again."""
    versions = None if contract.versions is None else len(contract.versions)
    return (
        Claim("versions", versions, ">=", cfg.versions, learn="let the recording tell the subject's versions"),
        _kept(contract),
    )


def _kept(contract: Contract) -> Claim:
    if contract.endless:
        return Claim("records are kept for ever", True, "==", True)
    if contract.replayed:
        return Claim("a reader went back to old records", True, "==", True)
    kept, before = contract.retention, contract.schemas[-2] if len(contract.schemas) > 1 else None
    age = before.age if before else None
    if age is None and before is not None and kept is not None and before.at_least >= kept:
        age = before.at_least
    return Claim(
        "days that records are kept",
        None if kept is None or age is None else _days(kept),
        ">",
        None if age is None else _days(age),
        learn="let the recording tell the topic's retention.ms"
        if kept is None
        else f"watch the registry for {length(kept)}: the version before the newest was there from the first look on",
        reason=Reason.NOT_SENT if kept is None else Reason.LEARNING,
    )


def _days(span: timedelta) -> float:
    return round(span / _DAY, 2)


def _one_team(contract: Contract) -> bool | None:
    """None where the owner of one of them is not declared, or nobody was seen to write."""
    if not contract.writers:
        return None
    owners = {contract.owners.get(str(one)) for one in (*contract.writers, *contract.readers)}
    return None if None in owners else len(owners) == 1


def _unchecked(contract: Contract) -> str:
    whence = ", as the whole registry is" if contract.inherited else ""
    return (
        f"{contract.contract.name} may change in any way (compatibility NONE{whence}), and "
        f"{_readers_in_words(contract)} it."
    )


def _readers_in_words(contract: Contract) -> str:
    return counted(len(contract.readers), "group reads", "groups read")


def _last_only(contract: Contract) -> str:
    if contract.endless:
        why = "kept for ever"
    elif contract.replayed:
        why = "read again"
    else:
        why = f"kept for {length(contract.retention)}" if contract.retention else "kept"
    return (
        f"{contract.contract.name} is checked against its last version only (BACKWARD), while older records are {why}: "
        f"{_readers_in_words(contract)} it."
    )
