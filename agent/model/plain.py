"""What no reader sees, or sees elsewhere than it stands: the one set of characters that leave what others have named.

Control characters of both sets (of 8 bits a terminal takes, too), what has no width, what turns the order of text, what
parts lines or paragraphs, and half characters.
"""

import re

HIDDEN = r"\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff"  #: of a class of `re`
_HIDDEN = re.compile(f"[{HIDDEN}]")
_BUT_LINES = re.compile(rf"(?![\t\n\r])[{HIDDEN}]")


def plain(text: str, instead: str = "") -> str:
    """One line of text that is what it looks like; what is hidden is left out, or something stands instead."""
    return text if text.isprintable() and text.isascii() else _HIDDEN.sub(instead, text)


def plain_lines(text: str) -> str:
    """The same of a text that may have several lines, and tabs."""
    return text if text.isprintable() and text.isascii() else _BUT_LINES.sub("", text)
