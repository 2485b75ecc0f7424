"""A number and its noun, one of them in the singular: `1 seam`, `2 seams`, `1,024 deliveries`."""


def counted(number: float, one: str, many: str = "") -> str:
    """The number, thousands apart, with its noun; `many` where an `s` at its end is not enough."""
    return f"{number:,.0f} {noun(number, one, many)}"


def noun(number: float, one: str, many: str = "") -> str:
    """The noun alone: singular for what is written as 1."""
    return one if round(number) == 1 else many or f"{one}s"
