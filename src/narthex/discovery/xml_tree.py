"""XML answers as a small tree. Documents with a DOCTYPE are refused, and with it all ways to grow by entities."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from narthex.errors import HTTPClientError

MAX_DEPTH = 256


@dataclass(slots=True)
class Element:
    """`text` is the element's own text, `inner` all that stands between its tags, as it was written."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    inner: str = ""
    children: list[Element] = field(default_factory=list)
    inner_start: int = -1

    def all(self, name: str) -> list[Element]:
        return [child for child in self.children if child.name == name]

    def last(self, name: str) -> Element | None:
        found = self.all(name)
        return found[-1] if found else None

    def text_of(self, name: str) -> str:
        child = self.last(name)
        return "" if child is None else child.text


def plain_text(body: bytes) -> str:
    """The text of an XML document, which must be UTF-8. Raises HTTPClientError, also on a DOCTYPE."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise HTTPClientError("the answer cannot be used: its XML is not UTF-8 text") from None
    if "<!DOCTYPE" in text:
        raise HTTPClientError("the answer cannot be used: its XML has a DOCTYPE")
    return text


def parse_tree(body: bytes) -> Element:
    """The root; names are without namespace prefixes. Raises HTTPClientError."""
    raw = plain_text(body).encode()
    builder = _Builder(raw)
    try:
        builder.parser.Parse(raw, True)
    except expat.ExpatError as e:
        raise HTTPClientError(f"the answer cannot be used: {e}") from None
    return builder.document.children[0]


class _Builder:
    def __init__(self, raw: bytes) -> None:
        self.document = Element("", {}, inner_start=0)
        self._open, self._raw = [self.document], raw
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.DefaultHandler = lambda _: self._mark()  # comments and the like, for where they begin

    def _mark(self) -> None:
        """The first thing after a start tag tells where that tag ended."""
        if self._open[-1].inner_start < 0:
            self._open[-1].inner_start = self.parser.CurrentByteIndex

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._mark()
        if len(self._open) > MAX_DEPTH:
            raise HTTPClientError(f"the answer cannot be used: its XML is nested deeper than {MAX_DEPTH}")
        element = Element(name.rpartition(":")[2], attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._mark()
        element = self._open.pop()
        element.inner = self._raw[element.inner_start : self.parser.CurrentByteIndex].decode()

    def _text(self, text: str) -> None:
        self._mark()
        self._open[-1].text += text
