"""What to do about SCH-03: write down what is read already, and let the registry keep it."""

import shlex
from urllib.parse import quote

from agent.model.steps import bare, code, declare, few, own, quoted
from agent.model.subjects import Topic


def steps(topic: Topic) -> tuple[str, ...]:
    """The strictest setting first: of the first version nothing can be broken yet."""
    name = bare(topic.topic)
    readers = few(bare(group) for group in topic.groups)
    writers = few(bare(writer) for writer in topic.producers) or "its writers"
    subject = quote(f"{name}-value", safe="")
    kind, body = shlex.quote("Content-Type: application/json"), shlex.quote('{"compatibility": "FULL"}')
    return (
        f"Write a schema of what {own(topic.topic)} carries today, and let {readers} say which fields they need.",
        f"Register it as {code(f'{name}-value')}, and let the registry check what comes next: "
        f"{code(f'curl -X PUT -H {kind} -d {body} <registry>/config/{subject}')}.",
        f"Let {writers} serialize with it, and test in the build of each reader that it can read it.",
        f"If its schema is elsewhere, or it carries files or pictures, declare that in a workflow file, under "
        f"`components:`: {declare(topic.topic, 'contract', quoted('https://...'))}.",
    )
