"""GOV-01: nobody to call, or nothing to follow when they are called."""

from dataclasses import dataclass
from datetime import timedelta

from agent.model.counting import counted
from agent.model.declared import Workflow as Declared
from agent.model.rule import GOVERNANCE, Stability, rule
from agent.model.subjects import Workflow
from agent.model.verdict import AnyOf, Claim, Evidence, Need, OnlyIf, Path, Reason, Severity, Verdict, fails_when
from rules.governance.no_owner.steps import steps


@dataclass(frozen=True)
class Config:
    """Thresholds of GOV-01."""

    #: days since the runbook was reviewed; a yearly review is what audits ask for (ours)
    runbook_days: int = 365
    #: rules that no runbook treats: their findings are decisions to take, not failures to handle at night
    decisions: tuple[str, ...] = ("CST", "FIT", "GOV", "GRW")


@rule(
    "GOV-01",
    severity=Severity.MEDIUM,
    evidence=Evidence.DECLARED,
    config=Config,
    hold=GOVERNANCE,
    lookback=timedelta(days=90),
    stability=Stability.STABLE,
)
def no_owner(workflow: Workflow, cfg: Config) -> Verdict:
    """A workflow has no owner, on-call or current runbook."""
    card = workflow.declared
    uncovered = _uncovered(workflow, cfg)
    checks = (
        Claim("owner missing", card.owner is None, "==", True),
        Claim("owner is not a declared team", _stranger(workflow), "==", True, learn="declare teams"),
        Claim("on-call missing", card.on_call is None, "==", True),
        Claim("runbook missing", card.runbook is None, "==", True),
        Claim("days since the runbook was reviewed", _age(workflow), ">", cfg.runbook_days),
        Claim("failure modes seen that the runbook does not cover", len(uncovered), ">=", 1),
    )
    gaps = [claim.claim for claim in checks if claim.truth]
    return fails_when(
        OnlyIf("a workflow outside the sandbox (tier)", card.tier != "sandbox"),
        Need(
            "declared in a workflow file",
            card.place != "",
            "==",
            True,
            reason=Reason.NOT_SENT,
            learn="write the workflow into a file that workflows: in the configuration names",
        ),
        AnyOf(tuple(Path(claim.claim, (claim,)) for claim in checks)),
        says=_says(card, gaps, uncovered, _age(workflow)),
        meets=f"{card.name} has an owner, an on-call and a runbook.",
        severity=Severity.HIGH if card.critical else Severity.MEDIUM,
        weighed="the workflow is declared critical" if card.critical else "",
        do=steps(card, gaps, uncovered, workflow.teams or (), workflow.as_of.date()),
        show={"gaps": len(gaps), "not covered": ", ".join(uncovered), "place": card.place},
    )


def _stranger(workflow: Workflow) -> bool | None:
    """None while no team is declared at all: then an owner is only a name."""
    if workflow.teams is None or workflow.declared.owner is None:
        return None
    return workflow.declared.owner not in workflow.teams


def _age(workflow: Workflow) -> int | None:
    reviewed = workflow.declared.runbook_reviewed
    return None if reviewed is None else (workflow.as_of.date() - reviewed).days


def _uncovered(workflow: Workflow, cfg: Config) -> list[str]:
    modes = {fired for fired in workflow.fired if fired.partition("-")[0] not in cfg.decisions}
    return sorted(modes - set(workflow.declared.covers or ()))


def _says(card: Declared, gaps: list[str], uncovered: list[str], age: int | None) -> str:
    """One sentence that names the gaps in the order in which they hurt."""
    words = {
        "owner missing": "no owner",
        "owner is not a declared team": f"an owner ({card.owner}) that is no declared team",
        "on-call missing": "no on-call",
        "runbook missing": "no runbook",
        "days since the runbook was reviewed": f"a runbook last reviewed {counted(age or 0, 'day')} ago",
        "failure modes seen that the runbook does not cover": f"no runbook entry for {', '.join(uncovered)}",
    }
    said = [words[gap] for gap in gaps]
    listed = f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else "".join(said)
    return f"{card.name} has {listed}: {len(gaps)} of 6 checks failed."
