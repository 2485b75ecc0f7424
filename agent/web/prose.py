"""A rule's README as safe HTML: headings, paragraphs, lists, code. Everything is escaped; no raw HTML passes."""

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

_CODE = re.compile(r"`([^`]+)`")
_BEGINS = re.compile(r"(^|\. )the command(?= below)")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_ITALIC = re.compile(r"\*(?=\S)([^*]+)(?<=\S)\*")
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)")


def inline(text: str) -> Markup:
    """One line: code, bold, italics and links."""
    safe = str(escape(text))
    safe = _CODE.sub(r"<code>\1</code>", safe)
    safe = _BOLD.sub(r"<strong>\1</strong>", safe)
    safe = _ITALIC.sub(r"<em>\1</em>", safe)
    safe = _LINK.sub(r'<a class="u" href="\2" rel="noreferrer">\1</a>', safe)
    return Markup(safe)  # noqa: S704  # escaped above; only our own tags were added


def render(text: str) -> Markup:
    """The text as HTML; a first-level heading is left out, the page has one."""
    return Markup("\n").join(_block(block) for block in re.split(r"\n\s*\n", text.strip()))


def steps(text: str) -> Markup:
    """What to do, one numbered step a list item; a text that is no list stays prose."""
    found = re.split(r"^(?:\d+\.|[-*]) ", text.strip(), flags=re.MULTILINE)
    if len(found) < 2 or found[0].strip():
        return Markup('<div class="pad prose">{}</div>').format(render(text))
    items = [inline(" ".join(step.split())) for step in found[1:]]
    inner = Markup("").join(Markup("<li><div>{}</div></li>").format(step) for step in items)
    return Markup('<ol class="steps">{}</ol>').format(inner)


def told(steps: Sequence[str]) -> Markup:
    """A finding's own steps. They hold names that senders made up: backticks are code, and nothing else is ours.

    A command that one runs stands below its sentence, to be selected whole by one click.
    """
    items = [Markup("<li><div>{}{}</div></li>").format(coded(said), _copies(run)) for said, run in map(_parted, steps)]
    return Markup('<ol class="steps">{}</ol>').format(Markup("").join(items))


def _copies(commands: Sequence[str]) -> Markup:
    return Markup("").join(Markup('<pre class="copy" tabindex="0">{}</pre>').format(one) for one in commands)


def _parted(step: str) -> tuple[str, list[str]]:
    """A step without its commands, and these."""
    commands = [one for one in _CODE.findall(step) if " --" in one]
    for one in commands:
        code = f"`{one}`"
        step = step.replace(f" ({code})", "").replace(f"({code}; ", "(").replace(f"({code}, ", "(")
        step = (
            step.removesuffix(f" {code}.")
            if step.endswith(f": {code}.")
            else _named(step.replace(code, "the command below"))
        )
    return step, commands


def _named(step: str) -> str:
    """A sentence that begins with a command begins with a capital."""
    return _BEGINS.sub(lambda found: f"{found[1]}The command", step)


def coded(text: str) -> Markup:
    """A line that may hold names that senders made up: backticks are code, and nothing else is ours."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # escaped; only <code> was added


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
            Markup("<li>{}</li>").format(inline(re.sub(r"^([-*]|\d+\.) ", "", i).replace("\n", " "))) for i in items
        ]
        kind = "ol" if lines[0][0].isdigit() else "ul"
        return Markup("<{}>{}</{}>").format(kind, Markup("").join(inner), kind)
    if lines[0].startswith("|"):
        return Markup("<pre>{}</pre>").format(block)
    return Markup("<p>{}</p>").format(inline(" ".join(lines)))
