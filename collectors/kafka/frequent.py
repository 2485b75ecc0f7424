"""The names that come most often, in a bounded number of places that no flood of other names can keep from them."""

from collections import Counter


class Frequent:
    """Counts names (Metwally's space-saving): where all places are taken, a new name gets that of the rarest.

    A name that is more than one in `most` of all has a place, whatever else comes. What it may have inherited from the
    one before is taken off before names are ranked.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: Counter[str] = Counter()
        self._inherited: dict[str, int] = {}
        self._crowded = False  #: names have lost their places

    def __len__(self) -> int:
        return len(self._counts)

    def add(self, name: str) -> None:
        """One more of a name; an empty one is none."""
        if not name:
            return
        if name not in self._counts and len(self._counts) >= self._most:
            rarest = min(self._counts, key=self._counts.__getitem__)
            self._inherited.pop(rarest, None)
            self._inherited[name] = self._counts[name] = self._counts.pop(rarest)
            self._crowded = True
        self._counts[name] += 1

    def halve(self) -> None:
        """What came long ago counts half; who came once is forgotten."""
        self._counts = Counter({name: count // 2 for name, count in self._counts.items() if count > 1})
        self._inherited = {name: over // 2 for name, over in self._inherited.items() if name in self._counts}

    def often(self, most: int) -> tuple[str, ...]:
        """Those that came most often for sure, the most frequent first."""
        ranked = sorted(self._counts, key=lambda name: self._inherited.get(name, 0) - self._counts[name])
        return tuple(ranked[:most])

    def others(self, most: int) -> str:
        """How many there are beside `often`, in words that do not change with each of a flood; empty for none."""
        if self._crowded:
            return f"and over {self._most - most:,} others"
        return f"and {len(self) - most:,} others" if len(self) > most else ""
