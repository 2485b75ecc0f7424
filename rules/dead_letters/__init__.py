"""Dead letters: what becomes of messages that cannot be processed."""

from agent.model.steps import few
from agent.model.things import Letters


def failures(letters: Letters) -> str:
    """What headers of letters name as the failure, in brackets after a space; empty where they name none."""
    return f" ({few(letters.errors)})" if letters.errors else ""
