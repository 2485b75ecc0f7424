"""SCH-02: a version of a schema that readers of another cannot read."""

from dataclasses import dataclass
from datetime import timedelta

from agent.measure.schemas.comparison import DEPENDS, LACKING
from agent.model.counting import counted
from agent.model.rule import SLOW, Stability, rule
from agent.model.subjects import Contract
from agent.model.verdict import Claim, Evidence, Need, Reason, Severity, Unless, Verdict, fails_when
from rules.contracts.breaking_change.pairs import Broken, Judged, judge
from rules.contracts.breaking_change.steps import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of SCH-02."""

    #: breaking changes; the first one stops a reader
    breaks: int = 1
    #: versions with their text; a change needs two
    versions: int = 2
    #: days that a break is told of although later versions leave it as it is (ours: a week of deploys)
    recent_days: int = 7
    #: older versions that the newest is compared with; a registry with more is asked for its newest (ours: the work)
    compared: int = 100


@rule(
    "SCH-02",
    severity=Severity.CRITICAL,
    evidence=Evidence.OBSERVED,
    config=Config,
    hold=SLOW,
    lookback=timedelta(days=7),
    stability=Stability.STABLE,
)
def breaking_change(contract: Contract, cfg: Config) -> Verdict:
    """A version of a schema cannot be read by readers of another."""
    texts = sum(version.text is not None for version in contract.schemas)
    several = len(contract.schemas) > 1
    found = judge(contract, timedelta(days=cfg.recent_days), max(1, cfg.compared)) if several else Judged()
    read = bool(contract.readers)
    return fails_when(
        Need(
            "versions with their text",
            None if contract.versions is None else texts,
            ">=",
            cfg.versions,
            reason=Reason.LEARNING if contract.versions is not None else Reason.NOT_SENT,
            learn="let the recording tell the schema of each version; a change is judged from the second one on",
        ),
        Claim(
            "breaking changes to the newest version",
            found.breaks,
            ">=",
            cfg.breaks,
            learn=_learn(found.unsure),
            reason=_reason(found.unsure),
        ),
        Unless("nobody reads it", not read if read or contract.readers_listed else None),
        says=_says(contract, found.broken[0]) if found.broken else f"{contract.contract.name} is read by 0 groups.",
        meets=f"{contract.contract.name}: {counted(found.breaks or 0, 'breaking change')}, and nobody reads it."
        if found.breaks
        else f"{contract.contract.name}: the newest version and {counted(found.compared, 'older one')} go together.",
        severity=None if read else Severity.HIGH,
        weighed="" if read else "nobody is known to read it",
        evidence=None if read else Evidence.EXPOSURE,
        do=steps(contract, found.broken),
        show=_show(contract, found),
    )


def _learn(unsure: str) -> str:
    if unsure == LACKING:
        return "install `protoc` where Seamwatch runs (`pip install 'seamwatch[protobuf]'`, or your system's package)"
    if unsure.startswith(DEPENDS):
        return f"look at what is written, or take the change back; {unsure}"
    if "compatibility" in unsure:
        return "let the recording tell the compatibility of the registry and of the subject"
    if "not seen" in unsure:
        return "let the recording tell the schema of each version, and of what it refers to"
    return f"ask the registry itself (`POST /compatibility/subjects/.../versions`): {unsure}"


def _reason(unsure: str) -> Reason:
    return Reason.NOT_SENT if "not seen" in unsure else Reason.INSTRUMENT_CANNOT


def _says(contract: Contract, broken: Broken) -> str:
    first, more = broken.breaks[0], len(broken.breaks) - 1
    others = f" and {more:,} more" if more else ""
    count = len(contract.readers)
    readers = f"{counted(count, 'group reads', 'groups read')} it" if count else "who reads it is not known"
    return (
        f"{contract.contract.name}: readers on v{broken.reader} cannot read v{broken.writer}: {first.what} "
        f"(at {first.path}){others}; {readers}."
    )


def _show(contract: Contract, found: Judged) -> dict[str, str | int | None]:
    first = found.broken[0] if found.broken else None
    diff = "; ".join(f"{one.path}: {one.what}" for one in first.breaks) if first else None
    return {
        "compatibility": contract.compatibility,
        "compared": found.compared,
        "reader's version": first.reader if first else None,
        "writer's version": first.writer if first else None,
        "difference": diff,
        "other versions": ", ".join(f"v{one.writer} with v{one.reader}" for one in found.broken[1:]) or None,
        "readers": ", ".join(reader.name for reader in contract.readers),
        "writers": ", ".join(writer.name for writer in contract.writers),
    }
