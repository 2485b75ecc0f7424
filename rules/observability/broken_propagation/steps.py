"""What to do about TRC-01: on which of the two sides the trace is handed on, and how."""

from agent.model.steps import own
from agent.model.subjects import Seam


def between(seam: Seam) -> tuple[str, ...]:
    """The sender puts `traceparent` along, the receiver takes it out."""
    source, target = own(seam.key.source), own(seam.key.target)
    if seam.key.kind == "consumes":
        return (
            f"Let what publishes to {source} inject `traceparent` into the headers of each message: enable the "
            f"instrumentation of its Kafka client, or call the propagator's `inject` by hand.",
            f"Let {target} extract it: as the parent of the process span for one message, as one link a message for "
            f"a batch.",
            *_some(seam),
        )
    return (
        f"Let {source} inject `traceparent` into its requests to {target}: enable the instrumentation of its HTTP or "
        f"RPC client.",
        f"Let each proxy and gateway between {source} and {target} pass the headers `traceparent` and `tracestate` on.",
        *_some(seam),
    )


def inside(seam: Seam) -> tuple[str, ...]:
    """The service drops the context between what it reads and what it sends."""
    source, target = own(seam.key.source), own(seam.key.target)
    return (
        f"Look in {source} for where its handler hands work on before it sends to {target}: a thread pool, a queue, "
        f"a timer.",
        "Carry the context over: take the current one where the work is handed on, and attach it where it is done "
        "(`Context.current().wrap(…)` in Java, `context.attach(…)` in Python, `context.with(…)` in Node.js).",
    )


def _some(seam: Seam) -> tuple[str, ...]:
    """Where some arrive whole, the way works: what is missing is one sender's or one version's."""
    if not seam.linked:
        return ()
    return (f"{seam.linked:,} arrive whole, so compare their sender with that of the {seam.roots:,} that do not.",)
