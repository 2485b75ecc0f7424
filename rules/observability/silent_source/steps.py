"""What to do about TRC-05: find where it breaks off, and know that others will not be warned meanwhile."""

from agent.model.steps import code, own
from agent.model.subjects import Source


def steps(source: Source, *, spans: bool) -> tuple[str, ...]:
    """What to look at first, by kind of source."""
    name = own(source.source)
    kind = source.source.name.partition("/")[0]
    until = f"Until {name} speaks again, nothing of what it saw is judged: watch it by other means."
    if spans:
        return (
            f"Send a span by hand to the port of {name}, and see on the Collectors page whether it is counted.",
            "If it is, look at who sends: settings and errors of the exporter in a traced service, and the queue and "
            "log of what stands between.",
            "See what was rolled out just before: an exporter's address, a network policy, a certificate.",
            until,
        )
    doctor = code("seamwatch doctor kafka") if kind == "kafka" else code("seamwatch doctor")
    return (
        f"Run {doctor}: it says what is reached of {name}, and what is missing.",
        f"Mend what it says: an address, a certificate, a password, a right. If {name} is gone for good, take it out "
        f"of the configuration.",
        until,
    )
