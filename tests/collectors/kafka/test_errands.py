"""When errands are run again: by their period, and sooner where a broker did not answer."""

import pytest

from collectors.kafka.access import TroubleError, Troubles, Why
from collectors.kafka.errands import AGAIN, PERIODS, Errands, Fresh


@pytest.mark.parametrize(
    ("why", "again"),
    [(Why.UNREACHABLE, AGAIN), (Why.TIMEOUT, AGAIN), (Why.NO_RIGHT, PERIODS["rights"]), (None, PERIODS["rights"])],
)
def test_what_a_broker_did_not_answer_is_asked_again_soon_and_what_it_refused_is_not(
    why: Why | None, again: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.kafka.errands.PERIODS", {"rights": PERIODS["rights"]})
    ran: list[float] = []

    def rights(_layout: object, _groups: object, _fresh: Fresh) -> Troubles:
        ran.append(now)
        troubles = Troubles()
        if why is not None:
            troubles.add(TroubleError(why, "rights: so it is"))
        return troubles

    errands = Errands(None, None)  # type: ignore[arg-type]  # nothing of them is asked here
    monkeypatch.setattr(errands, "_rights", rights)
    for now in (0.0, 10.0, again - 1, again, again + 1):
        errands.run(None, None, now, first=False)  # type: ignore[arg-type]
    assert ran == [0.0, again]
