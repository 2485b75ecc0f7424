"""What a look tells of groups: that they are there, their state, who came and went, and what nobody reads."""

from collections.abc import Iterator

from agent.model import seam
from agent.model.facts import Fact, Merge, Sample, Setting, Sighting
from agent.model.kafka.look import Group, Look, Member
from agent.model.kafka.news import News
from agent.model.kafka.snapshots import MEMBERS, members_text
from agent.model.kafka.topics import origin
from agent.model.masking import masked
from agent.model.seam import SubjectRef

NAME = "kafka"
MAX_CLIENTS = 16
SETTLED = ("stable", "empty", "dead", "")  #: states in which a group is not moving partitions about


class GroupFacts:
    """The groups of looks, one after another."""

    def __init__(self, news: News) -> None:
        self._news = news
        self._before: dict[tuple[str, str], Group] = {}
        self._turned: dict[tuple[str, str], tuple[int, int]] = {}

    def facts(self, look: Look, name: str, group: Group) -> Iterator[Fact]:
        """Every fact about a group itself."""
        component = seam.group(name, look.cluster)
        if self._news.due((component, clients(group)), look.at):
            yield Sighting(component, look.at, attributes(group))
        told = {"protocol": group.protocol, "state": group.state, "assignor": group.assignor}
        told |= {"coordinator": None if group.coordinator is None else str(group.coordinator)}
        if group.members:
            static = sum(member.instance is not None for member in group.members)
            told["static_members"] = str(static)
        for key, value in told.items():
            if value is not None:
                yield Setting(component, key, value, look.at, NAME)
        for key, value in masked(group.settings or {}).items():
            yield Setting(component, f"config.{key}", value, look.at, origin(group.origins, key))
        told_members = members_text(group)
        if told_members is not None:
            yield Setting(component, MEMBERS, told_members, look.at, NAME)
        self._turn(look, name, group)

    def _turn(self, look: Look, name: str, group: Group) -> None:
        """How often it was rebalanced since the look before, at least, and how many members came."""
        place = (look.cluster, name)
        before = self._before.get(place)
        self._before[place] = group
        self._turned[place] = (0, 0) if before is None else (_rebalances(before, group), len(_came(before, group)))

    def on_topic(self, look: Look, name: str, subject: SubjectRef) -> Iterator[Fact]:
        """The group's numbers as those of each topic that it reads: rules judge a group on a topic."""
        group = (look.groups or {}).get(name, Group())
        numbers = {"members": None if group.members is None else len(group.members), "epoch": group.epoch}
        for measure, number in numbers.items():
            if number is not None:
                yield from self._news.tell(subject, measure, look.at, float(number))
        if group.state is not None:
            yield from self._news.tell(subject, "unstable", look.at, float(moving(group)))
        rebalances, joined = self._turned.get((look.cluster, name), (0, 0))
        if rebalances:
            yield Sample(subject, "rebalances", look.at, float(rebalances), Merge.SUM)
        if joined:
            yield Sample(subject, "joined", look.at, float(joined), Merge.SUM)


def _rebalances(before: Group, now: Group) -> int:
    """Exact where the epoch is told; else one where the members changed or the group is seen moving."""
    if before.epoch is not None and now.epoch is not None:
        return max(0, now.epoch - before.epoch)
    changed = before.members is not None and now.members is not None and _names(before) != _names(now)
    return int(changed or (moving(now) and not moving(before)))


def _names(group: Group) -> set[str]:
    return {member.name for member in group.members or ()}


def _came(before: Group, now: Group) -> set[str]:
    return _names(now) - _names(before) if before.members is not None and now.members is not None else set()


def moving(group: Group) -> bool:
    """The group is moving partitions about: its state says so, or a member has not what it is to have (KIP-848)."""
    if (group.state or "").lower() not in SETTLED:
        return True
    return any(m.target is not None and m.assigned is not None and m.target != m.assigned for m in group.members or ())


def assigned(members: tuple[Member, ...]) -> set[str]:
    """The topics that members have, or are to have."""
    return {topic for member in members for part in (member.assigned, member.target) for topic, _ in part or ()}


def clients(group: Group) -> str:
    """The clients of a group, joined. Hosts and member ids are left out."""
    names = {seam.clean(member.client).replace("|", "/") for member in group.members or () if member.client}
    return "|".join(sorted(names)[:MAX_CLIENTS])


def attributes(group: Group) -> dict[str, str]:
    """What is worth showing beside a group."""
    found = clients(group)
    return {"clients": found} if found else {}
