"""From the command line to the page: whole programs, a second or more each; `make check` leaves them to `make test`."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is here."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
