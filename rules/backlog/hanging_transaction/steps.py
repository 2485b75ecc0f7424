"""What to do about LAG-08: find the transaction, then end it."""

from datetime import timedelta

from agent.model.steps import code, length, own, typed
from agent.model.subjects import Backlog
from rules.topics import BROKER


def steps(backlog: Backlog, longest: timedelta) -> tuple[str, ...]:
    """Aborting loses what the transaction wrote: ask its producer first."""
    minutes = int(longest.total_seconds() / 60)
    topic, tool = typed(backlog.topic), "kafka-transactions.sh"
    find = code(f"{tool} {BROKER} find-hanging --topic {topic} --max-transaction-timeout {minutes}")
    who = code(f"{tool} {BROKER} describe-producers --topic {topic} --partition <partition>")
    abort = code(f"{tool} {BROKER} abort --topic {topic} --partition <partition> --start-offset <offset>")
    return (
        f"Find the transaction that {own(backlog.topic)} waits for: {find}, then its producer: {who}.",
        f"If that producer lives, stop it, or let it end the transaction. It is open for longer than the "
        f"{length(longest)} after which the broker ends one, so most likely nobody will.",
        f"End it: {abort}. What it wrote is never read; {own(backlog.group)} goes on by itself.",
        "Then look at the brokers' versions: transactions hang after a late write of a producer that was fenced off; "
        "Kafka 4.0 with `transaction.version=2` refuses it.",
    )
