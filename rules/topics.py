"""What rules about topics and their readers share, whatever the pitfall: commands about one, and how severe it is."""

from agent.model.counting import counted
from agent.model.steps import code, quoted, typed
from agent.model.subjects import Backlog
from agent.model.things import Context, Topic
from agent.model.verdict import OnlyIf, Severity

BROKER = "--bootstrap-server <broker>"  #: its address is no fact of a topic or group
LISTED = "give a recording of the broker, with topics and groups"


def weaker(seen: Context, severity: Severity) -> Severity:
    """A severity that a rule gives itself, one step up on a critical workflow as the engine does with others."""
    return severity.step(-1) if seen.critical else severity


def topics_sh(seen: Topic | Backlog, words: str) -> str:
    """A command about the topic."""
    return code(f"kafka-topics.sh {BROKER} {words} --topic {typed(seen.topic)}")


def set_on(seen: Topic | Backlog, setting: str) -> str:
    """The command that changes a setting of the topic."""
    return code(
        f"kafka-configs.sh {BROKER} --alter --entity-type topics --entity-name {typed(seen.topic)} "
        f"--add-config {setting}"
    )


def counted_setting(topic: Topic, name: str) -> int | None:
    """A whole number that the topic's settings tell, or None."""
    text = topic.settings.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def sampled(topic: Topic) -> OnlyIf:
    """Records are looked at where somebody asks for it: who does not has chosen so, and misses no evidence."""
    cluster, _, name = topic.topic.name.partition("/")
    refused = topic.refused.get("records", "").startswith(f"records of {name}: ")
    return OnlyIf(
        "asked for, or without a record so far: records are looked at only where `sample` names their topic",
        topic.sampled is not None or refused,
        learn=f"add {quoted(name)} to clusters.{cluster}.sample in seamwatch.yaml",
    )


def sample(topic: Topic) -> str:
    """What has a topic's records looked at: the line of the configuration, or what stands in its way; or to wait."""
    cluster, _, name = topic.topic.name.partition("/")
    if topic.sampled is not None and topic.unidentified is not None:
        return f"wait: {counted(int(topic.sampled), 'record')} of it were looked at so far, of the last week"
    refused = topic.refused.get("records", "")
    if refused.startswith(f"records of {name}: "):
        return f"its records were not looked at: {refused}"
    where = f"clusters.{cluster}.sample in seamwatch.yaml"
    return f"let its records be sampled (off by default): add {quoted(name)} to {where}"
