"""How far a verdict was from failing: the share of a threshold that is used up, and what used it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from agent.model.verdict import Claim, Outcome
from agent.store.findings import VerdictRow


@dataclass(frozen=True, slots=True)
class Near:
    """One verdict that was cleared, and the claim that stood furthest from failing."""

    row: VerdictRow
    claim: Claim
    used: float  #: 0 to 1, of its threshold

    @property
    def percent(self) -> int:
        """Whole percents, for a bar."""
        return round(100 * self.used)


def nearest(rows: Iterable[VerdictRow], most: int) -> list[Near]:
    """The cleared verdicts that came closest, the closest first; one that is not close at all is left out."""
    found = [near for row in rows if row.outcome is Outcome.MEETS and (near := _near(row)) and near.percent]
    return sorted(found, key=lambda near: (-near.used, str(near.row.subject), near.row.rule))[:most]


def _near(row: VerdictRow) -> Near | None:
    """The path that came closest; a path is as close as its furthest claim, since all of its claims must hold."""
    paths: dict[str, list[Claim]] = defaultdict(list)
    for claim in row.verdict.claims:
        paths[claim.path].append(claim)
    everywhere = paths.pop("", [])
    ends = [_furthest(everywhere + claims) for claims in paths.values()] or [_furthest(everywhere)]
    known = [end for end in ends if end is not None]
    if not known:
        return None
    used, claim = max(known, key=lambda end: end[0])
    return Near(row, claim, used)


def _furthest(claims: list[Claim]) -> tuple[float, Claim] | None:
    """None where one was not seen, or where all hold and something else cleared it."""
    if any(claim.truth is None for claim in claims):
        return None
    false = [(_used(claim), claim) for claim in claims if not claim.truth]
    return min(false, key=lambda end: end[0]) if false else None


def _used(claim: Claim) -> float:
    if not _number(claim.saw) or not _number(claim.limit):
        return 0.0
    saw, limit = float(claim.saw or 0), float(claim.limit or 0)
    part, whole = (saw, limit) if claim.op in (">", ">=") else (limit, saw)
    return min(1.0, max(0.0, part / whole)) if whole > 0 and claim.op != "==" else 0.0


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
