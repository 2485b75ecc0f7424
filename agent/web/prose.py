"""A rule's README as safe HTML: headings, paragraphs, lists, code. Everything is escaped; no raw HTML passes."""

import re

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)")


def _inline(text: str) -> Markup:
    safe = str(escape(text))
    safe = _CODE.sub(r"<code>\1</code>", safe)
    safe = _BOLD.sub(r"<strong>\1</strong>", safe)
    safe = _LINK.sub(r'<a class="u" href="\2" rel="noreferrer">\1</a>', safe)
    return Markup(safe)  # noqa: S704  # escaped above; only our own tags were added


def render(text: str) -> Markup:
    """The text as HTML; a first-level heading is left out, the page has one."""
    return Markup("\n").join(_block(block) for block in re.split(r"\n\s*\n", text.strip()))


def _block(block: str) -> Markup:
    lines = block.splitlines()
    if not lines or lines[0].startswith("# "):
        return _block("\n".join(lines[1:])) if len(lines) > 1 else Markup("")
    if lines[0].startswith("## "):
        head = Markup("<h3>{}</h3>").format(lines[0][3:])
        return head + _block("\n".join(lines[1:])) if len(lines) > 1 else head
    if lines[0].startswith("```"):
        return Markup('<pre class="copy" tabindex="0">{}</pre>').format(
            "\n".join(line for line in lines if line[:3] != "```")
        )
    if re.match(r"[-*] |\d+\. ", lines[0]):
        items = re.split(r"\n(?=[-*] |\d+\. )", block)
        inner = [
            Markup("<li>{}</li>").format(_inline(re.sub(r"^([-*]|\d+\.) ", "", i).replace("\n", " "))) for i in items
        ]
        return Markup("<ul>{}</ul>").format(Markup("").join(inner))
    if lines[0].startswith("|"):
        return Markup("<pre>{}</pre>").format(block)
    return Markup("<p>{}</p>").format(_inline(" ".join(lines)))
