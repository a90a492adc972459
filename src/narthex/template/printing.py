"""How Go prints values: the default form (%v) and fmt's verbs with flags, width, precision and argument indexes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from narthex.errors import TemplateError
from narthex.model.labels import quote
from narthex.model.number import go_float
from narthex.template.values import AnyMap, Struct, type_name

MAX_WIDTH = 10_000  # Go allows a million; a width here only serves tables in messages


def show(value: Any, *, top: bool = True) -> str:
    """%v. Nil is "<no value>" where a template prints it and "<nil>" inside another value."""
    match value:
        case None:
            return "<no value>" if top else "<nil>"
        case bool():
            return "true" if value else "false"
        case str():
            return str(value)
        case int():
            return str(value)
        case float():
            return go_float(value)
        case Struct():
            text = value.go_string()
            if text is not None:
                return text
            fields = (getattr(value, attribute) for attribute in value.go_fields.values())
            return "{" + " ".join(show(f, top=False) for f in fields if not callable(f)) + "}"
        case Mapping():
            return "map[" + " ".join(f"{k}:{show(value[k], top=False)}" for k in sorted(value)) + "]"
        case list() | tuple():
            return "[" + " ".join(show(v, top=False) for v in value) + "]"
        case _:
            return f"<{type_name(value)}>"


def sprint(args: Sequence[Any]) -> str:
    """Go's Sprint: a space between two operands when neither is a string."""
    out: list[str] = []
    for i, arg in enumerate(args):
        if i and not isinstance(arg, str) and not isinstance(args[i - 1], str):
            out.append(" ")
        out.append(show(arg, top=False))
    return "".join(out)


def sprintln(args: Sequence[Any]) -> str:
    return " ".join(show(a, top=False) for a in args) + "\n"


@dataclass
class _Directive:
    verb: str = ""
    minus: bool = False
    plus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    width: int | None = None
    precision: int | None = None

    def pad(self, text: str, *, number: bool = False) -> str:
        if self.width is None or len(text) >= self.width:
            return text
        if self.minus:
            return text.ljust(self.width)
        if self.zero and number:
            sign = text[:1] if text[:1] in "+- " else ""
            return sign + text[len(sign) :].rjust(self.width - len(sign), "0")
        return text.rjust(self.width)

    def signed(self, text: str) -> str:
        if not text.startswith(("-", "+")):
            return ("+" if self.plus else " " if self.space else "") + text
        return text


class _Formatter:
    """One run over a format string. Mistakes of the format show in the text, as Go does it, never as an error."""

    def __init__(self, text: str, args: Sequence[Any]) -> None:
        self.text, self.args = text, args
        self.at, self.next, self.reordered = 0, 0, False
        self.out: list[str] = []

    def run(self) -> str:
        while self.at < len(self.text):
            percent = self.text.find("%", self.at)
            if percent < 0:
                self.out.append(self.text[self.at :])
                break
            self.out.append(self.text[self.at : percent])
            self.at = percent + 1
            self.out.append(self._directive())
        if not self.reordered and self.next < len(self.args):
            extra = ", ".join(_typed(a) for a in self.args[self.next :])
            self.out.append(f"%!(EXTRA {extra})")
        return "".join(self.out)

    def _directive(self) -> str:
        d = _Directive()
        flags = {"-": "minus", "+": "plus", "#": "sharp", " ": "space", "0": "zero"}
        while self._peek() in flags:
            setattr(d, flags[self._peek()], True)
            self.at += 1
        bad = self._index()
        d.width, problem = self._number("%!(BADWIDTH)")
        if d.width is not None and d.width < 0:
            d.minus, d.width = True, -d.width
        prefix = problem
        if self._peek() == ".":
            self.at += 1
            bad = self._index() or bad
            precision, problem = self._number("%!(BADPREC)")
            prefix += problem
            d.precision = 0 if precision is None and not problem else precision
        bad = self._index() or bad
        if self.at >= len(self.text):
            return prefix + "%!(NOVERB)"
        d.verb = self.text[self.at]
        self.at += 1
        if d.verb == "%":
            return prefix + "%"
        if d.verb == "v":
            d.plus = False  # %+v asks for field names, not for a sign
        if bad:
            return f"{prefix}%!{d.verb}(BADINDEX)"
        if self.next >= len(self.args):
            return f"{prefix}%!{d.verb}(MISSING)"
        arg = self.args[self.next]
        self.next += 1
        return prefix + _verb(d, arg)

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _index(self) -> bool:
        """Reads an argument index like [2], if there is one. Gives True when it is not usable."""
        if self._peek() != "[":
            return False
        self.reordered = True
        end = self.text.find("]", self.at)
        if end < 0:
            self.at += 1
            return True
        body = self.text[self.at + 1 : end]
        self.at = end + 1
        if not body.isdecimal() or not 1 <= int(body) <= len(self.args):
            return True
        self.next = int(body) - 1
        return False

    def _number(self, complaint: str) -> tuple[int | None, str]:
        if self._peek() == "*":
            self.at += 1
            value = self.args[self.next] if self.next < len(self.args) else None
            self.next += 1
            if not isinstance(value, int) or isinstance(value, bool) or abs(value) > MAX_WIDTH:
                return None, complaint
            return value, ""
        start = self.at
        while self._peek().isdecimal() and self._peek().isascii():
            self.at += 1
        if start == self.at:
            return None, ""
        number = int(self.text[start : self.at][:9])
        if number > MAX_WIDTH:
            raise TemplateError(f"width or precision {number} in a printf format exceeds {MAX_WIDTH}")
        return number, ""


def sprintf(text: str, args: Sequence[Any]) -> str:
    """Go's Sprintf."""
    return _Formatter(text, args).run()


def _typed(value: Any) -> str:
    return "<nil>" if value is None else f"{type_name(value)}={show(value, top=False)}"


def _bad(d: _Directive, value: Any) -> str:
    return f"%!{d.verb}({_typed(value)})"


def _verb(d: _Directive, value: Any) -> str:
    if d.verb == "T":
        return d.pad(type_name(value))
    if d.verb == "p":
        return _bad(d, value)
    match value:
        case None:
            return d.pad("<nil>") if d.verb == "v" else f"%!{d.verb}(<nil>)"
        case bool():
            return d.pad("true" if value else "false") if d.verb in "tv" else _bad(d, value)
        case str():
            return _string(d, value)
        case int():
            return _integer(d, value)
        case float():
            return _float(d, value)
        case Struct():
            return _structure(d, value)
        case AnyMap() | Mapping():
            if d.verb == "v":
                return d.pad(show(value))
            return "map[" + " ".join(f"{_verb(d, k)}:{_verb(d, value[k])}" for k in sorted(value)) + "]"
        case list() | tuple():
            return "[" + " ".join(_verb(d, v) for v in value) + "]"
        case _:
            return _bad(d, value)


def _structure(d: _Directive, value: Struct) -> str:
    text = value.go_string()
    if text is not None and d.verb in "vsqxX":
        return _string(d, text)
    fields = [getattr(value, attribute) for attribute in value.go_fields.values()]
    return "{" + " ".join(_verb(d, f) for f in fields if not callable(f)) + "}"


def _string(d: _Directive, value: str) -> str:
    text = value if d.precision is None or d.verb in "xX" else value[: d.precision]
    match d.verb:
        case "s" | "v":
            return d.pad(quote(text) if d.sharp and d.verb == "v" else text)
        case "q":
            return d.pad(f"`{text}`" if d.sharp and "`" not in text and text.isprintable() else quote(text))
        case "x" | "X":
            data = value.encode(errors="surrogateescape")[: d.precision]
            hexed = data.hex(" ") if d.space else data.hex()
            hexed = ("0x" if d.sharp else "") + hexed
            return d.pad(hexed.upper() if d.verb == "X" else hexed)
        case _:
            return _bad(d, value)


def _integer(d: _Directive, value: int) -> str:
    magnitude = abs(value)
    match d.verb:
        case "d" | "v":
            text = str(magnitude)
        case "b":
            text = f"{magnitude:b}" if not d.sharp else f"0b{magnitude:b}"
        case "o":
            text = ("0" if d.sharp else "") + f"{magnitude:o}"
        case "O":
            text = f"0o{magnitude:o}"
        case "x":
            text = ("0x" if d.sharp else "") + f"{magnitude:x}"
        case "X":
            text = ("0X" if d.sharp else "") + f"{magnitude:X}"
        case "c":
            return d.pad(_rune(value))
        case "q":
            return d.pad("'" + quote(_rune(value))[1:-1].replace('\\"', '"').replace("'", "\\'") + "'")
        case "U":
            return d.pad(f"U+{magnitude:04X}" + (f" '{_rune(value)}'" if d.sharp else ""))
        case _:
            return _bad(d, value)
    if d.precision is not None:
        text = "" if d.precision == 0 and value == 0 else text.rjust(d.precision, "0")
    text = d.signed(("-" if value < 0 else "") + text)
    return d.pad(text, number=d.precision is None)


def _rune(value: int) -> str:
    return chr(value) if 0 <= value < 0x110000 and not 0xD800 <= value < 0xE000 else "\ufffd"


def _float(d: _Directive, value: float) -> str:
    if d.verb not in "veEfFgG":
        return _bad(d, value)
    verb = "g" if d.verb == "v" else "f" if d.verb == "F" else d.verb
    text = go_float(value, verb, d.precision)
    if not math.isfinite(value):
        text = text if d.plus or text == "NaN" or text.startswith("-") else ("+Inf")
        return d.pad(text)
    return d.pad(d.signed(text), number=True)
