"""The small pictures of the frame, drawn once."""

from markupsafe import Markup

_HEAD = Markup(
    '<svg viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="1.4" '
    'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
)

_INNER = {
    "now": '<path d="M2 8h3l2-5 3 10 2-5h2"/>',
    "findings": '<path d="M8 2 14 13H2Z"/><path d="M8 6.5v3"/>',
    "seams": '<circle cx="3.5" cy="8" r="1.8"/><circle cx="12.5" cy="8" r="1.8"/><path d="M5.5 8h1M7.5 8h1M9.5 8h1"/>',
    "changes": '<path d="M8 4.5V8l2.5 1.5"/><path d="M2.5 8A5.5 5.5 0 1 0 4.500 3.800M2.500 2.500v2.500h2.500"/>',
    "rules": '<path d="M3 4h10M3 8h10M3 12h6"/>',
    "collectors": '<path d="M3 13a8 8 0 0 1 8-8M3 13a4 4 0 0 1 4-4M11 3l2 2-2 2"/>',
}

ICONS = {name: _HEAD + Markup(inner + "</svg>") for name, inner in _INNER.items()}  # noqa: S704  # our own constants
