"""Verdicts: a rule's judgement as a conjunction of three-valued claims.

A part that was not seen is None, never zero: `fails_when` turns it into *blind*, with what would cure it.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Scalar = int | float | str | bool | None


class Outcome(StrEnum):
    """The four answers of a rule."""

    FAILS = "fails"
    MEETS = "meets"
    BLIND = "blind"
    NOT_APPLICABLE = "not_applicable"


class Reason(StrEnum):
    """Why a rule is blind; the most hopeless first."""

    ERROR = "error"
    NO_RIGHT = "no_right"
    INSTRUMENT_CANNOT = "instrument_cannot"
    NOT_SENT = "not_sent"
    LEARNING = "learning"


class Severity(StrEnum):
    """How bad."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for critical to 3 for low."""
        return list(Severity).index(self)

    def step(self, by: int) -> "Severity":
        """One or more steps weaker (positive) or stronger (negative), held at both ends."""
        return list(Severity)[min(3, max(0, self.rank + by))]


class Evidence(StrEnum):
    """What stands behind a finding, strongest first."""

    OBSERVED = "observed"  #: the harm happened and is counted
    EXPOSURE = "exposure"  #: a setting makes it certain at the next fault
    INFERRED = "inferred"
    DECLARED = "declared"  #: the declarations lack something

    @property
    def rank(self) -> int:
        """0 for observed to 3 for declared."""
        return list(Evidence).index(self)


_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


def _compare(saw: Scalar, op: str, limit: Scalar) -> bool | None:
    if saw is None or limit is None:
        return None
    if isinstance(saw, str) or isinstance(limit, str):
        return {"==": saw == limit, "!=": saw != limit}[op]
    return _COMPARE[op](saw, limit)


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement: true counts towards *fails*, false clears, not seen blinds."""

    claim: str
    saw: Scalar
    op: str
    limit: Scalar
    learn: str = ""  #: what would make it visible
    reason: Reason = Reason.NOT_SENT  #: why it was not seen
    path: str = ""  #: the alternative it belongs to

    @property
    def truth(self) -> bool | None:
        """Kleene: True, False, or None for not seen."""
        return _compare(self.saw, self.op, self.limit)

    @property
    def way(self) -> str:
        """The alternative it belongs to, where its own words do not name it already."""
        return "" if self.path == self.claim else self.path

    @property
    def fails(self) -> str:
        """The condition in words, such as `>= 1,000`."""
        limit = f"{self.limit:,}" if isinstance(self.limit, int) and not isinstance(self.limit, bool) else self.limit
        return f"{self.op} {limit}"


@dataclass(frozen=True, slots=True)
class Need:
    """A minimum of evidence; unmet, the rule is blind whatever the claims say."""

    need: str
    saw: Scalar
    op: str
    limit: Scalar
    learn: str = ""
    reason: Reason = Reason.LEARNING

    @property
    def met(self) -> bool:
        """False also when it was not seen."""
        return bool(_compare(self.saw, self.op, self.limit))


@dataclass(frozen=True, slots=True)
class OnlyIf:
    """A condition without which the rule does not apply."""

    what: str
    saw: bool | None
    learn: str = ""
    reason: Reason = Reason.NOT_SENT


@dataclass(frozen=True, slots=True)
class Unless:
    """A guard: seen true, the verdict is *meets*; not seen, there is no guard and the verdict says so."""

    what: str
    saw: bool | None


@dataclass(frozen=True, slots=True)
class Path:
    """One of several ways to fail, with its own needs and claims; blind by itself."""

    name: str
    parts: tuple[Need | Claim, ...]

    @property
    def needs(self) -> tuple[Need, ...]:
        """Its minima."""
        return tuple(part for part in self.parts if isinstance(part, Need))

    @property
    def claims(self) -> tuple[Claim, ...]:
        """Its claims, each marked with the path's name."""
        return tuple(
            Claim(part.claim, part.saw, part.op, part.limit, part.learn, part.reason, self.name)
            for part in self.parts
            if isinstance(part, Claim)
        )

    @property
    def truth(self) -> bool | None:
        """None when a need is unmet or a deciding claim was not seen."""
        if not all(part.met for part in self.parts if isinstance(part, Need)):
            return None
        return conjunction(part.truth for part in self.parts if isinstance(part, Claim))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Several paths: any true fails; blind only if all are; else false."""

    paths: tuple[Path, ...]

    @property
    def truth(self) -> bool | None:
        """True, False or None over all paths."""
        truths = [path.truth for path in self.paths]
        if True in truths:
            return True
        return None if all(truth is None for truth in truths) else False


Part = OnlyIf | Need | Claim | AnyOf | Unless


def conjunction(truths: Iterator[bool | None]) -> bool | None:
    """Kleene's and: any false is false, else any unknown is unknown, else true."""
    seen = list(truths)
    if False in seen:
        return False
    return None if None in seen else True


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of one subject, with everything that stands behind it."""

    outcome: Outcome
    says: str
    claims: tuple[Claim, ...] = ()
    needs: tuple[Need, ...] = ()
    guards: tuple[Unless, ...] = ()
    only_if: tuple[OnlyIf, ...] = ()
    reason: Reason | None = None  #: why blind
    missing: tuple[str, ...] = ()  #: what was not seen
    learn: tuple[str, ...] = ()  #: how to supply it
    severity: Severity | None = None  #: when it differs from the rule's own
    weighed: str = ""  #: why it differs
    evidence: Evidence | None = None  #: likewise
    show: Mapping[str, Scalar] = field(default_factory=dict)  #: further numbers worth showing
    do: tuple[str, ...] = ()  #: of a failing one: steps that name its subject, code in backticks

    @property
    def unfit(self) -> OnlyIf | None:
        """The condition for which it does not apply: the first that does not hold; None where it applies."""
        return next((part for part in self.only_if if part.saw is False), None)

    @property
    def why_not(self) -> str:
        """The first claim that cleared it, in words; empty when it fails."""
        if self.outcome is Outcome.FAILS:
            return ""
        for claim in self.claims:
            if claim.truth is False:
                return f"{claim.claim}: {claim.saw}, fails when {claim.fails}"
        for guard in self.guards:
            if guard.saw:
                return guard.what
        return ""


def fails_when(
    *parts: Part,
    says: str,
    meets: str = "",
    harm: bool = False,
    severity: Severity | None = None,
    weighed: str = "",
    evidence: Evidence | None = None,
    show: Mapping[str, Scalar] | None = None,
    do: tuple[str, ...] = (),
) -> Verdict:
    """Judge a conjunction of parts (DESIGN: only_if, needs, claims, unless).

    `harm` marks a rule that counts harm already done: its needs guard *meets*, not *fails*. `says` is the sentence of
    a failing verdict, `do` its steps and `weighed` why its severity is another than the rule's; `meets` is the sentence
    of a cleared one.
    """
    kinds: dict[type, list[Any]] = {kind: [] for kind in (OnlyIf, Need, Unless, AnyOf, Claim)}
    for part in parts:
        kinds[type(part)].append(part)
    only, needs, guards, either, plain = map(tuple, kinds.values())
    # Paths that could decide come first: a claim of a starved path never cleared anything.
    paths: Sequence[Path] = ()
    if either:
        paths = sorted((path for any_of in either for path in any_of.paths), key=lambda path: path.truth is None)
    claims = plain + tuple(claim for path in paths for claim in path.claims)

    def answer(outcome: Outcome, text: str, **more: object) -> Verdict:
        told = {"severity": severity, "evidence": evidence, "show": show or {}, **more}
        return Verdict(outcome, text, claims, needs, guards, only, **told)  # type: ignore[arg-type]  # Verdict's own names

    if any(part.saw is False for part in only):
        why = next(part.what for part in only if part.saw is False)
        return answer(Outcome.NOT_APPLICABLE, f"Does not apply: not {why}.")
    truth = conjunction(iter([*(claim.truth for claim in plain), *(any_of.truth for any_of in either)]))
    unseen = [part for part in only if part.saw is None]
    short = [need for need in needs if not need.met]
    if unseen or (short and not (harm and truth)):
        return _blind(answer, unseen, short, ())
    if truth is None:
        dark = [claim for claim in plain if claim.truth is None]
        starved = [need for any_of in either for path in any_of.paths for need in path.needs if not need.met]
        dim = [path for any_of in either if any_of.truth is None for path in any_of.paths]
        hidden = [path for path in dim if all(need.met for need in path.needs)]
        dark += [claim for path in hidden for claim in path.claims if claim.truth is None]
        return _blind(answer, (), starved, dark)
    if truth is False or any(guard.saw for guard in guards):
        return answer(Outcome.MEETS, meets or "Nothing of this was seen.")
    return answer(Outcome.FAILS, says, do=do, weighed=weighed)


def _blind(
    answer: Callable[..., Verdict],
    unseen: "list[OnlyIf] | tuple[OnlyIf, ...]",
    short: "list[Need]",
    dark: "list[Claim] | tuple[Claim, ...]",
) -> Verdict:
    reasons = [part.reason for part in unseen] + [need.reason for need in short] + [claim.reason for claim in dark]
    missing = [part.what for part in unseen] + [_lack(need) for need in short] + [claim.claim for claim in dark]
    learn = [part.learn for part in (*unseen, *short, *dark) if part.learn]
    reason = min(reasons, key=list(Reason).index, default=Reason.NOT_SENT)
    text = f"Cannot be judged yet: {'; '.join(dict.fromkeys(missing))}."
    return answer(
        Outcome.BLIND, text, reason=reason, missing=tuple(dict.fromkeys(missing)), learn=tuple(dict.fromkeys(learn))
    )


def _lack(need: Need) -> str:
    if need.limit is True:
        return f"{need.need}: {'no' if need.saw is False else 'not seen'}"
    return f"{need.need}: {_shown(need.saw)}, needs {need.op} {_shown(need.limit)}"


def _shown(value: Scalar) -> str:
    if value is None:
        return "not seen"
    counted = isinstance(value, int | float) and not isinstance(value, bool)
    return f"{value:,}" if counted else str(value)
