"""Label sets as Python values, for configuration, targets and alerts (a few thousand at most).

Columns of label sets on hot paths are `narthex.native.LabelSets`.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView

METRIC_NAME = "__name__"


class Labels(Mapping[str, str]):
    """An immutable label set: sorted by name, no empty value (an empty label is an absent one), hashable."""

    __slots__ = ("_dict", "_hash")

    def __init__(self, pairs: Mapping[str, str] | Iterable[tuple[str, str]] = ()) -> None:
        items = pairs.items() if isinstance(pairs, Mapping) else pairs
        self._dict: dict[str, str] = {name: value for name, value in sorted(items) if value != ""}
        self._hash: int | None = None

    def __getitem__(self, name: str) -> str:
        return self._dict[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._dict)

    def __len__(self) -> int:
        return len(self._dict)

    # What Mapping would make of the three above, without a Python call an item.

    def items(self) -> ItemsView[str, str]:
        return self._dict.items()

    def keys(self) -> KeysView[str]:
        return self._dict.keys()

    def values(self) -> ValuesView[str]:
        return self._dict.values()

    def __contains__(self, name: object) -> bool:
        return name in self._dict

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(tuple(self._dict.items()))
        return self._hash

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Labels):
            return self._dict == other._dict
        return NotImplemented

    def __lt__(self, other: Labels) -> bool:
        return tuple(self._dict.items()) < tuple(other._dict.items())

    def merged(self, other: Mapping[str, str]) -> Labels:
        """A copy in which `other` wins."""
        return Labels({**self._dict, **other})

    def without(self, *names: str) -> Labels:
        return Labels({n: v for n, v in self._dict.items() if n not in names})

    def pairs(self) -> list[tuple[str, str]]:
        return list(self._dict.items())

    def view(self) -> Mapping[str, str]:
        """The set as the dictionary it is kept in, for code where copying shows. Must not be changed."""
        return self._dict

    def as_dict(self) -> dict[str, str]:
        return dict(self._dict)

    def __str__(self) -> str:
        return "{" + ", ".join(f"{n if is_label_name(n) else quote(n)}={quote(v)}" for n, v in self._dict.items()) + "}"

    def __repr__(self) -> str:
        return f"Labels({self._dict!r})"


def quote(text: str) -> str:
    """A double-quoted string literal as Go's strconv.Quote writes it for printable text."""
    out = ['"']
    for ch in text:
        if ch in '"\\':
            out.append("\\" + ch)
        elif ch in _ESCAPES:
            out.append(_ESCAPES[ch])
        elif "\udc80" <= ch <= "\udcff":  # a byte that is no UTF-8, see surrogateescape
            out.append(f"\\x{ord(ch) - 0xDC00:02x}")
        elif ch.isprintable() and ch != "\ufffd":
            out.append(ch)
        elif ord(ch) < 0x80:
            out.append(f"\\x{ord(ch):02x}")
        elif ord(ch) < 0x10000:
            out.append(f"\\u{ord(ch):04x}")
        else:
            out.append(f"\\U{ord(ch):08x}")
    out.append('"')
    return "".join(out)


_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_DIGITS = frozenset("0123456789")


def is_label_name(name: str) -> bool:
    """Legacy label name: letters, digits and underscores, not starting with a digit."""
    return bool(name) and name[0] in _LETTERS and all(c in _LETTERS or c in _DIGITS for c in name)


def is_metric_name(name: str) -> bool:
    """Legacy metric name: a label name in which colons are allowed too."""
    return is_label_name(name.replace(":", "_"))


def is_utf8_name(name: str) -> bool:
    """UTF-8 name: any text that can be encoded and is not empty."""
    if not name:
        return False
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
