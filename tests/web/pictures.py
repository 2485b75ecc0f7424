"""Takes the pictures in docs/pictures, of a demo that is running: python -m tests.web.pictures http://127.0.0.1:8740.

It takes those that show a real broker, in both themes; a demo that has run for 25 minutes has all its troubles.
"""

import json
import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from tests.web.test_site import FLAGS

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
WIDE, NARROW = (1440, 1400), (390, 1000)  #: CSS pixels
THEMES = ("light", "dark")
_TROUBLE = "LAG-05"  #: of a group of the real broker, found last


def pages(site: str) -> dict[str, str]:
    """The pages that are worth a picture, by name."""
    [finding] = [one for one in _asked(site, "findings") if one["rule"] == _TROUBLE]
    [seam] = [one for one in _asked(site, "seams") if one["target"] == f"group:{finding['subject']['name']}"]
    shown = {"seam": f"seams/{seam['id']}", "finding": f"findings/{finding['fingerprint']}"}
    return {"now": "", **shown, "collectors": "collectors"}


def _asked(site: str, what: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{site}/api/v1/{what}", timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    return found


def take(browser: Browser, site: str, size: tuple[int, int], ends: str) -> None:
    """Every page in both themes; `ends` ends the names of the files."""
    width, height = size
    for theme in THEMES:
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)  # type: ignore[arg-type]
        for name, path in pages(site).items():
            page.goto(f"{site}/{path}")
            page.screenshot(path=FOLDER / f"{name}-{theme}{ends}.png")
        page.close()


def main(site: str) -> None:
    """Take all of them, wide and as a phone has them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for size, ends in ((WIDE, ""), (NARROW, "-phone")):
            take(browser, site, size, ends)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"))
