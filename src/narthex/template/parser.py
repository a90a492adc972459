"""Tokens to syntax trees, checking that functions, variables, breaks and nesting are in order."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

from narthex.errors import TemplateError
from narthex.template.lexer import Kind, Lexer, Token, where
from narthex.template.nodes import (
    Action,
    Branch,
    Call,
    Chain,
    Command,
    Constant,
    Dot,
    Field,
    Identifier,
    Jump,
    Nil,
    Pipe,
    Text,
    Variable,
)

MAX_NESTING = 60
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|[abfnrtv\\'\"])")
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_OPERANDS = (Kind.FIELD, Kind.VARIABLE, Kind.IDENTIFIER, Kind.DOT, Kind.NIL, Kind.BOOL, Kind.NUMBER, Kind.CHAR)

Nodes = list[Any]


class Parser:
    """Parses one text. `definitions` afterwards holds every template that it defines, its own body under `name`."""

    def __init__(self, name: str, text: str, functions: Collection[str], variables: Iterable[str] = ()) -> None:
        self.name, self.text, self.functions = name, text, functions
        self.definitions: dict[str, Nodes] = {}
        self._lexer = Lexer(name, text)
        self._tokens: list[Token] = []
        self._at = 0
        self._variables = ["$", *variables]
        self._ranges = 0
        self._depth = 0

    def parse(self) -> None:
        """Raises TemplateError with template name, line and column."""
        self._tokens = self._lexer.run()
        body, end = self._list(top=True)
        if end is not None:
            raise self._fail(f"unexpected {{{{{end.text}}}}}", end.at)
        self.definitions[self.name] = body

    def _fail(self, message: str, at: int) -> TemplateError:
        line, column = where(self.text, at)
        return TemplateError(f"template: {self.name}:{line}:{column}: {message}")

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        if token.kind is not Kind.EOF:
            self._at += 1
        return token

    def _skip(self) -> Token:
        """The next token that is not space, left in place."""
        while self._peek().kind is Kind.SPACE:
            self._at += 1
        return self._peek()

    def _take(self) -> Token:
        self._skip()
        return self._next()

    def _expect(self, kind: Kind, context: str) -> Token:
        token = self._take()
        if token.kind is not kind:
            raise self._unexpected(token, context)
        return token

    def _unexpected(self, token: Token, context: str) -> TemplateError:
        return self._fail(
            f"unexpected {token} in {context}" if token.kind is not Kind.EOF else "unexpected EOF", token.at
        )

    # -- lists and actions

    def _list(self, *, top: bool = False) -> tuple[Nodes, Token | None]:
        """Nodes up to {{end}} or {{else}}, whose keyword is given back and its closing delimiter left unread."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._fail(f"nested deeper than {MAX_NESTING}", self._peek().at)
        nodes: Nodes = []
        while True:
            token = self._next()
            if token.kind is Kind.EOF:
                if not top:
                    raise self._fail("unexpected EOF", token.at)
                self._depth -= 1
                return nodes, None
            if token.kind is Kind.TEXT:
                nodes.append(Text(token.at, token.text))
                continue
            head = self._skip()
            if head.kind is Kind.KEYWORD and head.text in ("end", "else"):
                self._next()
                self._depth -= 1
                return nodes, head
            node = self._action(top)
            if node is not None:
                nodes.append(node)

    def _action(self, top: bool) -> Any:
        head = self._peek()
        if head.kind is not Kind.KEYWORD:
            mark = head.at
            pipe = self._pipe("command", Kind.RIGHT)
            return Action(mark, pipe)
        self._next()
        match head.text:
            case "if" | "with" | "range":
                return self._branch(head)
            case "define":
                if not top:
                    raise self._fail("unexpected {{define}}: it must stand outside of other actions", head.at)
                self._define()
                return None
            case "template":
                name = self._expect(Kind.STRING, "template clause")
                if self._skip().kind is Kind.RIGHT:
                    self._next()
                    return Call(name.at, self._unquote(name), None)
                return Call(name.at, self._unquote(name), self._pipe("template clause", Kind.RIGHT))
            case "block":
                return self._block()
            case _:
                self._expect(Kind.RIGHT, head.text)
                if not self._ranges:
                    raise self._fail(f"{{{{{head.text}}}}} outside {{{{range}}}}", head.at)
                return Jump(head.at, "break" if head.text == "break" else "continue")

    def _branch(self, head: Token) -> Branch:
        mark = len(self._variables)
        pipe = self._pipe(head.text, Kind.RIGHT)
        self._ranges += head.text == "range"
        body, end = self._list()
        self._ranges -= head.text == "range"
        otherwise: Nodes | None = None
        assert end is not None
        if end.text == "else":
            following = self._skip()
            if following.kind is Kind.KEYWORD and following.text == head.text and head.text in ("if", "with"):
                self._next()
                self._depth += 1
                if self._depth > MAX_NESTING:
                    raise self._fail(f"nested deeper than {MAX_NESTING}", following.at)
                otherwise = [self._branch(following)]
                self._depth -= 1
                del self._variables[mark:]
                return self._make(head, pipe, body, otherwise)
            self._expect(Kind.RIGHT, "else")
            otherwise, end = self._list()
            assert end is not None
            if end.text == "else":
                raise self._fail("expected end; found {{else}}", end.at)
        self._expect(Kind.RIGHT, "end")
        del self._variables[mark:]
        return self._make(head, pipe, body, otherwise)

    def _make(self, head: Token, pipe: Pipe, body: Nodes, otherwise: Nodes | None) -> Branch:
        kind: Any = head.text
        return Branch(head.at, kind, pipe, body, otherwise)

    def _closed_list(self) -> Nodes:
        """A body of its own: no outer variables, no outer range; ends with {{end}}."""
        variables, ranges = self._variables, self._ranges
        self._variables, self._ranges = ["$"], 0
        body, end = self._list()
        assert end is not None
        if end.text != "end":
            raise self._fail("unexpected {{else}}", end.at)
        self._expect(Kind.RIGHT, "end")
        self._variables, self._ranges = variables, ranges
        return body

    def _define(self) -> None:
        name = self._expect(Kind.STRING, "define clause")
        self._expect(Kind.RIGHT, "define clause")
        self._add(self._unquote(name), self._closed_list(), name.at)

    def _block(self) -> Call:
        name = self._expect(Kind.STRING, "block clause")
        pipe = self._pipe("block clause", Kind.RIGHT)
        title = self._unquote(name)
        self._add(title, self._closed_list(), name.at)
        return Call(name.at, title, pipe)

    def _add(self, name: str, body: Nodes, at: int) -> None:
        if name in self.definitions and not is_empty(body) and not is_empty(self.definitions[name]):
            raise self._fail(f'multiple definition of template "{name}"', at)
        if name not in self.definitions or not is_empty(body):
            self.definitions[name] = body

    # -- pipelines

    def _pipe(self, context: str, end: Kind) -> Pipe:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._fail(f"nested deeper than {MAX_NESTING}", self._peek().at)
        start = self._skip().at
        names, assign = self._declarations(context)
        commands: list[Command] = []
        while True:
            token = self._skip()
            if token.kind is end:
                self._next()
                break
            if token.kind in (*_OPERANDS, Kind.STRING, Kind.LEFT_PAREN):
                commands.append(self._command(end))
            else:
                raise self._unexpected(token, context)
        if not commands:
            raise self._fail(f"missing value for {context}", token.at)
        for stage, command in enumerate(commands[1:], start=2):
            if isinstance(command.args[0], Constant | Dot | Nil):
                raise self._fail(f"non executable command in pipeline stage {stage}", command.at)
        if not assign:
            self._variables.extend(names)
        self._depth -= 1
        return Pipe(start, tuple(names), assign, tuple(commands))

    def _declarations(self, context: str) -> tuple[list[str], bool]:
        """Reads `$x :=`, `$x =` or, for range, `$i, $x :=`; without them nothing is consumed."""
        start = self._at
        names: list[str] = []
        while self._skip().kind is Kind.VARIABLE:
            names.append(self._next().text)
            following = self._skip()
            if following.kind is Kind.COMMA and context == "range" and len(names) < 2:
                self._next()
                continue
            if following.kind in (Kind.ASSIGN, Kind.DECLARE):
                self._next()
                if following.kind is Kind.ASSIGN:
                    for name in names:
                        self._known(name, following.at)
                return names, following.kind is Kind.ASSIGN
            break
        if len(names) == 2 or (names and self._peek().kind is Kind.COMMA):
            raise self._fail(f"too many declarations in {context}", self._peek().at)
        self._at = start
        return [], False

    def _known(self, name: str, at: int) -> None:
        if name not in self._variables:
            raise self._fail(f'undefined variable "{name}"', at)

    def _command(self, end: Kind) -> Command:
        at = self._skip().at
        args: list[Any] = []
        while True:
            args.append(self._operand())
            token = self._peek()
            if token.kind is Kind.SPACE:
                token = self._skip()
                if token.kind in (*_OPERANDS, Kind.STRING, Kind.LEFT_PAREN):
                    continue
            if token.kind is end:
                return Command(at, tuple(args))
            if token.kind is Kind.PIPE:
                self._next()
                return Command(at, tuple(args))
            raise self._unexpected(token, "operand")

    def _operand(self) -> Any:
        term = self._term()
        if self._peek().kind is not Kind.FIELD:
            return term
        chain_at = self._peek().at
        names: list[str] = []
        while self._peek().kind is Kind.FIELD:
            names.append(self._next().text[1:])
        match term:
            case Field():
                return Field(chain_at, (*term.names, *names))
            case Variable():
                return Variable(chain_at, term.name, tuple(names))
            case Constant() | Nil():
                raise self._fail(f'unexpected "." after term "{term}"', chain_at)
            case _:
                return Chain(chain_at, term, tuple(names))

    def _term(self) -> Any:
        token = self._take()
        match token.kind:
            case Kind.IDENTIFIER:
                if token.text not in self.functions:
                    raise self._fail(f'function "{token.text}" not defined', token.at)
                return Identifier(token.at, token.text)
            case Kind.DOT:
                return Dot(token.at)
            case Kind.NIL:
                return Nil(token.at)
            case Kind.VARIABLE:
                self._known(token.text, token.at)
                return Variable(token.at, token.text)
            case Kind.FIELD:
                return Field(token.at, (token.text[1:],))
            case Kind.BOOL:
                return Constant(token.at, token.text == "true", token.text)
            case Kind.NUMBER:
                return Constant(token.at, self._number(token), token.text)
            case Kind.CHAR:
                text = self._unquote(token)
                if len(text) != 1:
                    raise self._fail(f"malformed character constant: {token.text}", token.at)
                return Constant(token.at, ord(text), token.text)
            case Kind.STRING:
                return Constant(token.at, self._unquote(token), token.text)
            case Kind.LEFT_PAREN:
                return self._pipe("parenthesized pipeline", Kind.RIGHT_PAREN)
            case _:
                raise self._unexpected(token, "operand")

    def _number(self, token: Token) -> int | float:
        text = token.text
        try:
            if re.fullmatch(r"[+-]?0[0-7_]+", text):
                value: int | float = int(text.replace("0", "0o", 1), 0)
            elif re.fullmatch(r"[+-]?(0[xXbBoO])?[0-9a-fA-F_]+", text) and not re.fullmatch(
                r"[+-]?[\d_]*[eE]\d+", text
            ):
                value = int(text, 0)
            elif re.match(r"[+-]?0[xX]", text):
                value = float.fromhex(text.replace("_", ""))
            else:
                value = float(text)
        except (ValueError, OverflowError):
            raise self._fail(f"bad number syntax: {text!r}", token.at) from None
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise self._fail(f"integer overflow: {text}", token.at)
        return value

    def _unquote(self, token: Token) -> str:
        body = token.text[1:-1]
        if token.text[0] == "`":
            return body.replace("\r", "")
        leftover = _ESCAPE.sub("", body)
        if "\\" in leftover:
            raise self._fail(f"invalid escape in {token.text}", token.at)
        raw = bytearray()
        last = 0
        for match in _ESCAPE.finditer(body):
            raw += body[last : match.start()].encode(errors="surrogatepass")
            raw += _escaped(match.group(1))
            last = match.end()
        raw += body[last:].encode(errors="surrogatepass")
        return raw.decode(errors="replace")


def _escaped(code: str) -> bytes:
    if code[0] == "x":
        return bytes([int(code[1:], 16)])
    if code[0] in "uU":
        number = int(code[1:], 16)
        return (chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd").encode()
    if code[0] in "01234567":
        return bytes([int(code, 8) & 0xFF])
    return _SIMPLE.get(code, code).encode()


def is_empty(nodes: Iterable[Any]) -> bool:
    """Whether a body prints nothing but space, so that it does not replace an earlier definition."""
    return all(isinstance(node, Text) and not node.text.strip() for node in nodes)
