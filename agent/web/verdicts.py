"""Headlines: each page's title is its verdict, and a silent source is named before any seam."""

from collections.abc import Sequence
from datetime import datetime

from agent.model.counting import counted
from agent.model.finding import Signal
from agent.model.seam import SubjectRef
from agent.model.verdict import Outcome
from agent.web.overview import FindingView, Overview, SeamView
from agent.web.status import CollectorStatus, Status
from agent.web.views import RulePage
from agent.web.words import ago, aside, line, sentence

_SUBJECTS = {"Backlog": "readers", "Deliveries": "readers", "Seam": "seams", "Table": "tables", "Workflow": "workflows"}


_STATES = {"good": "is healthy", "na": "has nothing to judge"}


def headline(o: Overview) -> str:
    """The verdict of the whole estate in one sentence."""
    burning, later = _burning(o), _later(o)
    if o.needs:
        return burning
    if burning or later:
        return "; ".join(filter(None, (burning or _unburnt(o), later if burning or not o.lag.says else _urgent(o))))
    if o.lag.says:
        return "; ".join(filter(None, (o.lag.says, o.lag.behind)))
    return _calm(o.counts.get("good", 0), o.counts.get("quiet", 0))


def _unburnt(o: Overview) -> str:
    """That nothing cannot wait, as far as it can be judged: what is not seen yet is never told as health."""
    dark = bool(o.lag.rows) or bool(o.counts.get("blind")) or any(view.blind for view in o.seams)
    return o.lag.says or ("Nothing that can be judged is burning" if dark else "Nothing is burning")


def _urgent(o: Overview) -> str:
    """While lag is not judged, what waits says more than what may be tidied."""
    return _later(o) if o.of("fix") or not o.lag.behind else o.lag.behind


def _burning(o: Overview) -> str:
    """What cannot wait: what nobody has taken on before what somebody works on; empty where there is neither."""
    off = off_seams(o)
    needs, noun = (len(o.needs), "finding") if _any(o.needs, off) else (o.needing, "seam")
    taken, other = (len(o.taken), "finding") if _any(o.taken, off) else (o.worked, "seam")
    if needs:
        words = f"{counted(needs, f'{noun} needs', f'{noun}s need')} a person now"
        return f"{words}; {counted(taken, 'more is', 'more are')} being worked on" if taken else words
    return f"{counted(taken, f'{other} is', f'{other}s are')} being worked on" if taken else ""


def _any(views: Sequence[FindingView], off: set[SubjectRef]) -> bool:
    return any(view.finding.subject in off for view in views)


def _later(o: Overview) -> str:
    """What can wait, in words."""
    for mark, what in (("fix", "to fix"), ("tidy", "to tidy")):
        if found := len(o.of(mark)):
            return f"{counted(found, 'finding')} {what}"
    return ""


def _calm(judged: int, aside: int) -> str:
    if aside:
        failing = f"{counted(aside, 'seam fails', 'seams fail')} and {'is' if aside == 1 else 'are'} set aside"
        return f"{judged:,} of {judged + aside:,} seams we can judge are healthy; {failing}" if judged else failing
    if not judged:
        return "No seam can be judged yet"
    return f"All {judged:,} seams we can judge are healthy" if judged > 1 else "The one seam we can judge is healthy"


def off_seams(o: Overview) -> set[SubjectRef]:
    """What has a finding and is no seam: workflows and teams."""
    on = {view.finding.subject for seam in o.seams for view in seam.findings}
    return {view.finding.subject for view in o.findings if not view.quiet} - on


def blindness(told: Status, now: datetime) -> str:
    """The source that has been silent for longest, in words; empty when all speak. Silence is not health."""
    silent = told.silent(now)
    if not silent:
        return ""
    first, quiet = silent[0]
    words = f"{first.called} has {'been silent' if first.last_fact else 'not spoken'} for {ago(now - quiet, now)}"
    return words if len(silent) == 1 else f"{words}, and {counted(len(silent) - 1, 'other')} too"


def verdict(o: Overview, told: Status, now: datetime) -> str:
    """The verdict of the estate; a silent source is named before any seam."""
    silent, words = blindness(told, now), headline(o)
    return f"{silent}; {words[0].lower()}{words[1:]}" if silent else words


def of_finding(view: FindingView, now: datetime) -> str:
    """A finding's sentence, with what has become of it: what is over is not told as if it went on."""
    found, says = view.finding, line(view.finding.says)
    if found.signal is Signal.RESOLVED:
        return f"Resolved {ago(found.resolved, now)} ago: {says}"
    if found.signal is Signal.STALE:
        return f"Not seen for {ago(found.stale_since or found.judged, now)}: {says}"
    return says


def of_seam(view: SeamView, now: datetime) -> str:
    """The worst that is open on a seam with who works on it, else what was set aside and until when, else its state."""
    if view.loudest is not None:
        says = of_finding(view.loudest, now)
        return f"{sentence(aside(view.loudest.finding.said))}: {says}" if view.loudest.told else says
    return f"{view.name} {_STATES.get(view.mark, 'cannot be judged yet')}"


def of_seams(o: Overview) -> str:
    """How many are healthy of those that there is something to judge of."""
    if not o.judgeable:
        return "No seam has anything to judge" if o.seams else "No seam yet"
    return f"{o.counts.get('good', 0):,} of {counted(o.judgeable, 'seam is', 'seams are')} healthy"


def of_rules(failing: int, number: int) -> str:
    """Of the whole catalogue."""
    if not failing:
        return f"None of {counted(number, 'rule')} fails anywhere"
    return f"{failing} of {counted(number, 'rule fails', 'rules fail')} somewhere"


def of_rule(page: RulePage) -> str:
    """What a rule says of how many."""
    name, noun = page.rule.name, _SUBJECTS.get(page.rule.subject.__name__, "subjects")
    counts = page.counts
    fails, meets = counts.get(Outcome.FAILS.value, 0), counts.get(Outcome.MEETS.value, 0)
    judged, blind = fails + meets, counts.get(Outcome.BLIND.value, 0)
    if fails:
        return f"{name} fails on {fails:,} of {judged:,} {noun} it can judge"
    if judged:
        return f"{name} fails on none of {judged:,} {noun} it can judge"
    if blind:
        return f"{name} cannot judge any of {blind:,} {noun} yet"
    return f"{name} applies to nothing here"


def of_sources(waiting: int, sources: Sequence[CollectorStatus], running: str) -> str:
    """Of all sources, none of which has been silent for too long."""
    partly, live = [one.called for one in sources if one.partly], len(sources)
    if not waiting and partly:
        rest = f", and {counted(len(partly) - 1, 'other')} too" if len(partly) > 1 else ""
        return f"{partly[0]} answers only in part{rest}"
    if not waiting:
        return "Every source speaks"
    spoken = f"{'has' if waiting == 1 else 'have'} not spoken since the start {running} ago"
    return f"{waiting} of {counted(live, 'source')} {spoken}"


def of_findings(open_now: Sequence[FindingView]) -> str:
    """Of the list of findings: how many, how many of them cannot wait, and how many of those somebody works on."""
    if not open_now:
        return "No finding is open"
    words = counted(len(open_now), "finding is open", "findings are open")
    urgent = [view for view in open_now if view.mark == "page"]
    taken = sum(view.taken for view in urgent)
    act = len(urgent) - taken
    needs = f"; {counted(act, 'needs', 'need')} a person now" if act else ""
    worked = f"; {counted(taken, 'is', 'are')} being worked on" if taken else ""
    return f"{words}{needs}{worked}"
