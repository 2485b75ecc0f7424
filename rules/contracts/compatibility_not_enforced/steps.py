"""What to do about SCH-01: the setting to write, and the check that comes before a registration."""

import shlex
from urllib.parse import quote

from agent.model.steps import code, declare, own
from agent.model.subjects import Contract


def steps(contract: Contract) -> tuple[str, ...]:
    """The versions that exist must pass first: a stricter setting refuses the next one, not those that are there."""
    subject = contract.contract.name.partition("/")[2]
    level = "BACKWARD_TRANSITIVE"
    body = shlex.quote(f'{{"compatibility": "{level}"}}')
    kind = shlex.quote("Content-Type: application/json")
    line = f"curl -X PUT -H {kind} -d {body} <registry>/config/{quote(subject, safe='')}"
    return (
        f"Let the registry check each new version of {own(contract.contract)} against all that went before: "
        f"{code(line)}.",
        f"Let the build of each writer of {own(contract.contract)} ask the registry before it registers "
        f"(`POST /compatibility/subjects/.../versions`), and set `auto.register.schemas=false` in production.",
        *_one_team(contract),
    )


def _one_team(contract: Contract) -> tuple[str, ...]:
    """Only where nobody's owner is declared: who has declared some will know of the rest."""
    if contract.owners or not contract.readers:
        return ()
    return (
        f"If one team writes and reads it, declare that of each of them in a workflow file, under `components:`: "
        f"{declare(contract.readers[0], 'owner', 'TEAM')}.",
    )
