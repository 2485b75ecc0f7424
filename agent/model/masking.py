"""Secrets in connector and broker settings: found by their key or by their shape, shown as ***."""

import re
from collections.abc import Mapping

MASK = "***"

_KEYS = re.compile(
    r"passw|passphrase|secret|credential|token(?!iz)|api[._-]?key|access[._-]?key|private[._-]?key|account[._-]?key"
    r"|signing[._-]?key|encryption[._-]?key|jaas|sasl\.login|basic\.auth|user[._-]?info|auth(?:orization)?$|\bpwd\b"
    r"|connection[._-]?string|\.pass$|^pass$|keystore\.key|key\.json|keyfile|sas[._-]"
    r"|(?:^|[._])query$",  # a query may hold literals
    re.IGNORECASE,
)
#: Keys that sound like secrets and hold none.
_PLAIN_KEYS = re.compile(
    r"token\.endpoint|credentials\.source$|\.class$|\.converter$|secret\.?provider$", re.IGNORECASE
)
_SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]+-----"),
    re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}"),  # a JWT
    re.compile(r"LoginModule\b", re.IGNORECASE),
    re.compile(
        r"(?:password|passwd|pwd|secret|token|api_?key|accountkey|sharedaccesskey|sig)\s*[=:]\s*\S", re.IGNORECASE
    ),
    re.compile(r"\b(?:Bearer|Basic)\s+[\w+/=.~-]{8,}", re.IGNORECASE),
    re.compile(
        r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[pousr]_\w{20,}|\bxox[abprs]-[\w-]{10,}|\bsk[-_](?:live|test)?\w{16,}"
    ),
    re.compile(r"\b(?:AIza[\w-]{30,}|glpat-[\w-]{16,}|sw_\w{20,}|npm_\w{30,}|hvs\.\w{16,})"),
    re.compile(r"//[^/?#\s]*@"),  # userinfo of a URL
    re.compile(r"jdbc:oracle:\w{1,20}:[^@/\s]{1,200}/[^@\s]{1,200}@", re.IGNORECASE),
    re.compile(  # a key of JSON within a setting, also of JSON within that
        r'"[\w .-]{0,60}(?:passw|passphrase|secret|token(?!iz)|credential|(?:api|access|private|account)[._-]?key'
        r'|auth(?!ors?\b))[\w .-]{0,60}\\{0,9}"\s{0,9}:\s{0,9}\\{0,9}"?[^\s"\\,}\]]',
        re.IGNORECASE,
    ),
)
# A long run of hex or base64 in which letters and digits mix, and which no dot or dash divides as in a name.
_RANDOM = re.compile(r"(?<![\w./-])(?=[\w+/=]*\d)(?=[\w+/=]*[A-Za-z])[A-Za-z0-9+/]{32,}={0,2}(?![\w./-])")


def mask(name: str, value: str | None) -> str | None:
    """A setting's value, or *** where its key or the value's shape looks like a secret; a reference is none."""
    if not value:
        return value
    if re.fullmatch(r"\$\{[\w.-]+:[^}]*\}", value):  # Connect's ${provider:path:key}
        return value
    if _KEYS.search(name) and not _PLAIN_KEYS.search(name) and not _harmless(value):
        return MASK
    return MASK if any(shape.search(value) for shape in (*_SHAPES, _RANDOM)) else value


def _harmless(value: str) -> bool:
    return value.lower() in ("true", "false", "null", "none", "[hidden]", MASK) or (value.isdigit() and len(value) <= 2)


def masked(settings: Mapping[str, str | None]) -> dict[str, str | None]:
    """All settings, masked."""
    return {name: mask(name, value) for name, value in settings.items()}
