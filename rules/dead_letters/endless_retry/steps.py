"""What to do about DLQ-06: an end for what cannot be mended by trying."""

from agent.model.steps import code, own, typed
from agent.model.things import Retry, Topic
from rules.topics import BROKER


def steps(topic: Topic, retry: Retry) -> tuple[str, ...]:
    """The topic, the code that uses it, and the line for one that is there under another name."""
    name = f"{retry.of.name.partition('/')[2]}-dlt"
    made = code(f"kafka-topics.sh {BROKER} --create --topic {typed(retry.of)}-dlt --config retention.ms=1209600000")
    return (
        f"Create {code(name)}, which keeps what was given up for two weeks: {made}.",
        f"Let whoever reads {own(topic.topic)} publish there after the last attempt (in Spring: no "
        f"`doNotConfigureDltHandler`, no `dltStrategy = NO_DLT`), and count the attempts in a header.",
        f"Give {code(name)} an owner and an alert on its first message.",
        f"If it is there under another name, declare `dead_letters: topic:…` in a workflow file, on "
        f"the group that reads {own(topic.topic)}.",
    )
