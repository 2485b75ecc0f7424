"""The search for garbage is paused, by several at once as well, and goes on afterwards."""

import gc

import pytest

from agent.model.garbage import unsearched


def test_pauses_that_overlap_end_with_the_last_one() -> None:
    assert gc.isenabled()
    first, second = unsearched(), unsearched()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert not gc.isenabled(), "the second one still works"
    second.__exit__(None, None, None)
    assert gc.isenabled()


def test_it_goes_on_after_an_error_and_stays_off_where_it_was() -> None:
    with pytest.raises(ValueError, match="x"), unsearched():
        raise ValueError("x")
    assert gc.isenabled()
    gc.disable()
    try:
        with unsearched():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
