"""What to do about GOV-01: the line to write for each gap, and where."""

from collections.abc import Sequence
from datetime import date

from agent.model.declared import Workflow as Declared
from agent.model.steps import code, few


def steps(
    card: Declared, gaps: Sequence[str], uncovered: Sequence[str], teams: Sequence[str], today: date
) -> tuple[str, ...]:
    """One step a gap, in the order in which they hurt."""
    into = f"to the workflow {code(card.name)} ({card.place})"
    runbook = code(card.runbook) if card.runbook else "the runbook"
    covered = ", ".join([*(card.covers or ()), *uncovered])
    known = f", one of {few(teams)}" if teams else ""
    words = {
        "owner missing": f"Add `owner: TEAM` {into}: the team that gets its findings{known}.",
        "owner is not a declared team": f"Declare {code(f'teams: [{{name: {card.owner}}}]')}, or write a declared team "
        f"as `owner` {into}{known}.",
        "on-call missing": f"Add `on_call: CHANNEL` {into}: where its owner is called at night.",
        "runbook missing": f"Write a runbook and add `runbook: URL` {into}.",
        "days since the runbook was reviewed": f"Review {runbook}, rehearse it once, and write "
        f"{code(f'runbook_reviewed: {today.isoformat()}')} {into}.",
        "failure modes seen that the runbook does not cover": f"Say in {runbook} what to do on {', '.join(uncovered)}, "
        f"and write {code(f'covers: [{covered}]')} {into}.",
    }
    return tuple(words[gap] for gap in gaps)
