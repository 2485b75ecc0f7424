"""`seamwatch rules` and `seamwatch explain`."""

import dataclasses
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from agent.cli.common import checked_settings, config_option, store_of, table

if TYPE_CHECKING:
    from pathlib import Path

    from agent.engine.round import Judgement
    from agent.model.rule import Rule


def _plain(value: Any) -> Any:
    return value.total_seconds() if isinstance(value, timedelta) else value


def _described(rule: "Rule") -> dict[str, Any]:
    return {
        "id": rule.id,
        "name": rule.name,
        "title": rule.title,
        "pitfall": rule.pitfall,
        "severity": rule.severity.value,
        "evidence": rule.evidence.value,
        "stability": rule.stability.value,
        "pages": rule.pages,
        "subject": rule.subject.__name__,
        "lookback_seconds": rule.lookback.total_seconds(),
        "before_open_seconds": rule.hold.before_open.total_seconds(),
        "before_resolved_seconds": rule.hold.before_resolved.total_seconds(),
        "thresholds": {name: _plain(value) for name, value in dataclasses.asdict(rule.defaults).items()},
    }


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
def rules(as_json: bool) -> int:
    """List the rules with their severities and thresholds."""
    import orjson

    from agent.app.wiring import catalogue

    found = [_described(rule) for rule in catalogue()]
    if as_json:
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        rows = [[rule["id"], rule["severity"], rule["stability"], rule["name"], rule["title"]] for rule in found]
        click.echo(table(rows, ["rule", "severity", "", "name", "what"]))
    return 0


@click.command()
@click.argument("rule_id", metavar="RULE")
@click.argument("subject", required=False, metavar="[KIND:NAME[,label=value...]]")
@config_option
def explain(rule_id: str, subject: str | None, config_path: "Path | None") -> int:
    """What a rule looks for, by its ID or its name; with a subject, what it says of it now, and why."""
    from agent.engine.catalogue import readme

    rule = _named(rule_id)
    if subject is None:
        click.echo(readme(rule))
        return 0
    return _explained(rule, subject, config_path)


def _named(word: str) -> "Rule":
    """The rule of an ID or a name; raise UsageError with the nearest one."""
    from agent.app.wiring import catalogue
    from agent.config.problem import nearest, quoted

    known = {**{rule.id: rule for rule in catalogue()}, **{rule.name: rule for rule in catalogue()}}
    asked = re.sub(r"[\s_]+", "-", word.strip())
    found = known.get(asked.upper()) or known.get(asked.lower())
    if found is None:
        listed = f"There are {', '.join(rule.id for rule in catalogue())}."
        raise click.UsageError(f"There is no rule {quoted(word)}. {nearest(asked, known) or listed}")
    return found


def _explained(rule: "Rule", text: str, config_path: "Path | None") -> int:
    from agent.app.wiring import declared_by, thresholds
    from agent.engine.round import Rounds
    from agent.model.plain import plain, plain_lines
    from agent.model.seam import SubjectRef

    try:
        wanted = SubjectRef.parse(text)
    except ValueError as problem:
        raise click.UsageError(str(problem)) from problem
    settings = checked_settings(config_path)
    store = store_of(settings)
    rounds = Rounds(store, [rule], declared_by(settings), thresholds=thresholds(settings))
    judged = rounds.judge(datetime.now(UTC) - settings.rounds.settle)
    store.close()
    for one in judged:
        if one.subject == wanted:
            click.echo(plain_lines(_told(one)))
            return 0
    click.echo(
        f"{rule.id} judges nothing called {plain(str(wanted))}. "
        "`seamwatch rules` lists rules; the Rule page its subjects.",
        err=True,
    )
    return 3


def _severity(one: "Judgement") -> list[str]:
    from agent.engine.round import weighed
    from agent.model.verdict import Outcome

    if one.verdict.outcome is not Outcome.FAILS:
        return []
    severity, why = weighed(one)
    return [f"  severity: {severity.value}{f' (the rule is {one.rule.severity.value}; {why})' if why else ''}"]


def _told(one: "Judgement") -> str:
    from agent.web.words import condition, plain, scalar

    verdict = one.verdict
    lines = [f"{verdict.outcome.value}: {plain(verdict.says)}", *_severity(one)]
    lines += [
        f"  {'✓' if need.met else '✗'} needs {need.need}: {scalar(need.saw)} ({condition(need.op, need.limit)})"
        for need in verdict.needs
    ]
    marks = {True: "✗", False: "✓", None: "?"}
    lines += [
        f"  {marks[claim.truth]} {f'[{claim.way}] ' if claim.way else ''}{claim.claim}: {scalar(claim.saw)}, "
        f"fails when {condition(claim.op, claim.limit)}"
        for claim in verdict.claims
    ]
    lines += [f"  guard: {guard.what}: {scalar(guard.saw)}" for guard in verdict.guards]
    lines += [f"  {name}: {scalar(value)}" for name, value in verdict.show.items() if value is not None]
    lines += [f"  to do: {step}" for step in verdict.do]
    lines += [f"  to judge it: {hint}" for hint in verdict.learn]
    return "\n".join(lines)
