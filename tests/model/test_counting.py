"""One is in the singular, wherever a number stands before its noun."""

import re
from pathlib import Path

import pytest

from agent.model.counting import counted

TEMPLATES = Path(__file__).parents[2] / "agent" / "web" / "templates"


@pytest.mark.parametrize(
    ("number", "nouns", "says"),
    [
        (0, ("seam",), "0 seams"),
        (1, ("seam",), "1 seam"),
        (1.2, ("hour",), "1 hour"),
        (2, ("seam",), "2 seams"),
        (1, ("delivery", "deliveries"), "1 delivery"),
        (1_024, ("delivery", "deliveries"), "1,024 deliveries"),
        (1, ("seam needs", "seams need"), "1 seam needs"),
    ],
)
def test_a_number_has_its_noun(number: float, nouns: tuple[str, ...], says: str) -> None:
    assert counted(number, *nouns) == says


@pytest.mark.parametrize("template", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_writes_a_plural_behind_a_number_by_itself(template: Path) -> None:
    found = re.findall(r"\{\{ ([^{}]*) \}\} (?:[a-z]+ )?[a-z]+[^s ]s\b", template.read_text())
    assert [one for one in found if ("length" in one or "|count" in one) and "counted" not in one] == []
    assert "== 1 else" not in template.read_text().replace('"The finding" if frame.findings == 1 else', "")
