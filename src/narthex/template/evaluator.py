"""Executes a parsed template: walks the tree, keeps variables, calls functions, writes text, counts what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from narthex.errors import TemplateError
from narthex.template.builtins import LAZY, escape_html, look_up
from narthex.template.lexer import where
from narthex.template.library import Definition, Library
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
from narthex.template.printing import show
from narthex.template.values import HtmlText, Struct, fits, truth, type_name

_NOTHING: Any = object()  # "no piped value", which differs from a piped nil


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Evaluator:
    """One execution. Variables live on a stack; a block forgets what it declared."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self._steps = 0
        self._size = 0
        self._depth = 0
        self._out: list[str] = []
        self._stack: list[tuple[str, Any]] = []
        self._current: Definition | None = None

    def run(self, name: str, data: Any, variables: Mapping[str, Any]) -> str:
        definition = self.library.definitions.get(name)
        if definition is None:
            raise TemplateError(f'template: "{name}" not defined')
        self._stack = [("$", data), *variables.items()]
        self._current = definition
        self._walk(definition.body, data)
        return "".join(self._out)

    def render(self, name: str, data: Any) -> str:
        """Another template of the set expanded to text, sharing this execution's limits."""
        definition = self.library.definitions.get(name)
        if definition is None:
            raise TemplateError(f'template "{name}" not defined')
        out, self._out = self._out, []
        try:
            self._enter(definition, data, 0)
            return "".join(self._out)
        finally:
            self._out = out

    # -- errors and limits

    def _fail(self, at: int, message: str, node: Any = None) -> TemplateError:
        assert self._current is not None
        line, column = where(self._current.text, at)
        context = ""
        if node is not None:
            text = str(node)
            text = text if len(text) <= 50 else text[:47] + "..."
            context = f'executing "{self._current.name}" at <{text}>: '
        return TemplateError(f"template: {self._current.file}:{line}:{column}: {context}{message}")

    def _step(self, at: int) -> None:
        self._steps += 1
        if self._steps > self.library.limits.steps:
            raise self._fail(at, f"more than {self.library.limits.steps} steps")

    def _write(self, text: str, at: int) -> None:
        self._size += len(text)
        if self._size > self.library.limits.output:
            raise self._fail(at, f"output exceeds {self.library.limits.output} characters")
        self._out.append(text)

    # -- statements

    def _walk(self, nodes: Sequence[Any], dot: Any) -> None:
        self._depth += 1
        if self._depth > self.library.limits.depth:
            raise self._fail(
                nodes[0].at if nodes else 0, f"exceeded maximum template depth ({self.library.limits.depth})"
            )
        for node in nodes:
            self._step(node.at)
            match node:
                case Text():
                    self._write(node.text, node.at)
                case Action():
                    value = self._pipe(node.pipe, dot)
                    if not node.pipe.variables:
                        self._print(value, node)
                case Branch(kind="range"):
                    self._range(node, dot)
                case Branch():
                    self._branch(node, dot)
                case Call():
                    self._call_template(node, dot)
                case Jump():
                    raise _Break if node.kind == "break" else _Continue
        self._depth -= 1

    def _print(self, value: Any, node: Action) -> None:
        if callable(value) and not isinstance(value, Struct):
            raise self._fail(node.at, f"can't print {node.pipe} of type {type_name(value)}", node.pipe)
        text = show(value)
        escape = self.library.html and not isinstance(value, HtmlText)
        self._write(escape_html(text) if escape else text, node.at)

    def _branch(self, node: Branch, dot: Any) -> None:
        mark = len(self._stack)
        value = self._pipe(node.pipe, dot)
        if truth(value):
            self._walk(node.body, value if node.kind == "with" else dot)
        elif node.otherwise is not None:
            self._walk(node.otherwise, dot)
        del self._stack[mark:]

    def _range(self, node: Branch, dot: Any) -> None:
        mark, depth = len(self._stack), self._depth
        value = self._pipe(node.pipe, dot, declare=False)
        names = node.pipe.variables
        if not node.pipe.assign:
            self._stack.extend((name, None) for name in names)
        inner = len(self._stack)
        ran = False
        for key, element in self._items(value, node):
            ran = True
            self._step(node.at)
            if names:
                self._set(names[-1], element)
            if len(names) == 2:
                self._set(names[0], key)
            try:
                self._walk(node.body, element)
            except _Break:
                self._depth = depth
                break
            except _Continue:
                self._depth = depth
            finally:
                del self._stack[inner:]
        if not ran and node.otherwise is not None:
            self._walk(node.otherwise, dot)
        del self._stack[mark:]

    def _items(self, value: Any, node: Branch) -> Iterator[tuple[Any, Any]]:
        match value:
            case None:
                return iter(())
            case Mapping():
                return ((k, value[k]) for k in sorted(value))
            case list() | tuple():
                return iter(enumerate(value))
            case int() if not isinstance(value, bool):
                return ((i, i) for i in range(value))
            case _:
                raise self._fail(node.pipe.at, f"range can't iterate over {show(value)}", node.pipe)

    def _call_template(self, node: Call, dot: Any) -> None:
        definition = self.library.definitions.get(node.name)
        if definition is None:
            raise self._fail(node.at, f'template "{node.name}" not defined', node)
        self._enter(definition, None if node.pipe is None else self._pipe(node.pipe, dot), node.at)

    def _enter(self, definition: Definition, data: Any, at: int) -> None:
        if self._depth >= self.library.limits.depth:
            raise self._fail(at, f"exceeded maximum template depth ({self.library.limits.depth})")
        current, stack = self._current, self._stack
        self._current, self._stack = definition, [("$", data)]
        self._walk(definition.body, data)
        self._current, self._stack = current, stack

    # -- variables

    def _set(self, name: str, value: Any) -> None:
        for i in range(len(self._stack) - 1, -1, -1):
            if self._stack[i][0] == name:
                self._stack[i] = (name, value)
                return

    def _get(self, name: str, at: int) -> Any:
        for known, value in reversed(self._stack):
            if known == name:
                return value
        raise self._fail(at, f"undefined variable: {name}")

    # -- expressions

    def _pipe(self, pipe: Pipe, dot: Any, *, declare: bool = True) -> Any:
        self._step(pipe.at)
        value: Any = _NOTHING
        for command in pipe.commands:
            value = self._command(command, dot, value)
        if declare:
            for name in pipe.variables:
                if pipe.assign:
                    self._set(name, value)
                else:
                    self._stack.append((name, value))
        return value

    def _command(self, command: Command, dot: Any, piped: Any) -> Any:
        head, rest = command.args[0], command.args[1:]
        match head:
            case Field():
                return self._fields(dot, head.names, head, dot, rest, piped)
            case Chain():
                return self._fields(self._term(head.base, dot), head.names, head, dot, rest, piped)
            case Variable() if head.names:
                return self._fields(self._get(head.name, head.at), head.names, head, dot, rest, piped)
            case Identifier():
                return self._function(head, command, dot, rest, piped)
        if rest or piped is not _NOTHING:
            raise self._fail(head.at, f"can't give argument to non-function {head}", head)
        if isinstance(head, Nil):
            raise self._fail(head.at, "nil is not a command", head)
        return self._term(head, dot)

    def _term(self, node: Any, dot: Any) -> Any:
        """An operand in argument position."""
        match node:
            case Constant():
                return node.value
            case Dot():
                return dot
            case Nil():
                return None
            case Field():
                return self._fields(dot, node.names, node, dot, (), _NOTHING)
            case Variable():
                value = self._get(node.name, node.at)
                return self._fields(value, node.names, node, dot, (), _NOTHING) if node.names else value
            case Pipe():
                return self._pipe(node, dot)
            case Chain():
                return self._fields(self._term(node.base, dot), node.names, node, dot, (), _NOTHING)
            case Identifier():
                return self._function(node, node, dot, (), _NOTHING)
        raise TemplateError(f"cannot evaluate {node}")

    def _fields(
        self, value: Any, names: tuple[str, ...], node: Any, dot: Any, args: tuple[Any, ...], piped: Any
    ) -> Any:
        for name in names[:-1]:
            value = self._field(value, name, node, (), _NOTHING)
        given = tuple(self._term(a, dot) for a in args)
        return self._field(value, names[-1], node, given, piped)

    def _field(self, receiver: Any, name: str, node: Any, args: tuple[Any, ...], piped: Any) -> Any:
        given = args if piped is _NOTHING else (*args, piped)
        match receiver:
            case None:
                raise self._fail(node.at, f"nil pointer evaluating interface {{}}.{name}", node)
            case Struct():
                attribute = receiver.go_fields.get(name)
                if attribute is None:
                    raise self._fail(node.at, f"can't evaluate field {name} in type {receiver.go_type}", node)
                value = getattr(receiver, attribute)
                if callable(value) and not isinstance(value, Struct):
                    return self._invoke(lambda: value(*given), name, node, node)
                if given:
                    raise self._fail(node.at, f"{name} has arguments but cannot be invoked as function", node)
                return value
            case Mapping():
                if given:
                    raise self._fail(node.at, f"{name} is not a method but has arguments", node)
                return look_up(receiver, name)
            case _:
                raise self._fail(node.at, f"can't evaluate field {name} in type {type_name(receiver)}", node)

    def _function(self, head: Identifier, context: Any, dot: Any, args: tuple[Any, ...], piped: Any) -> Any:
        function = self.library.functions[head.name]
        count = len(args) + (piped is not _NOTHING)
        if count < function.fixed or (count > function.fixed and not function.variadic):
            wanted = f"at least {function.fixed}" if function.variadic else str(function.fixed)
            raise self._fail(head.at, f"wrong number of args for {head.name}: want {wanted} got {count}", head)
        if head.name in LAZY:
            return self._lazy(head.name, dot, args, piped)
        given = [self._argument(a, function.param(i), dot) for i, a in enumerate(args)]
        if piped is not _NOTHING:
            given.append(self._converted(piped, function.param(len(args)), head.at, context))
        return self._invoke(lambda: function(self, given), head.name, head, context)

    def _lazy(self, name: str, dot: Any, args: tuple[Any, ...], piped: Any) -> Any:
        value: Any = None
        for arg in args:
            value = self._term(arg, dot)
            if truth(value) == (name == "or"):
                return value
        return value if piped is _NOTHING else piped

    def _argument(self, node: Any, param: str, dot: Any) -> Any:
        if isinstance(node, Constant):
            if param == "float64" and isinstance(node.value, int) and not isinstance(node.value, bool):
                return float(node.value)
            if param == "int" and isinstance(node.value, float) and node.value.is_integer():
                return int(node.value)
            if not fits(node.value, param):
                raise self._fail(node.at, f"expected {param}; found {node}", node)
            return node.value
        return self._converted(self._term(node, dot), param, node.at, node)

    def _converted(self, value: Any, param: str, at: int, node: Any) -> Any:
        if fits(value, param):
            return value
        if value is None:
            raise self._fail(at, f"invalid value; expected {param}", node)
        raise self._fail(at, f"wrong type for value; expected {param}; got {type_name(value)}", node)

    def _invoke(self, call: Any, name: str, head: Any, context: Any) -> Any:
        """Runs a function; its own failures get the place in the template, failures of templates in it keep theirs."""
        self._step(head.at)
        try:
            result = call()
        except TemplateError as e:
            raise self._fail(head.at, f"error calling {name}: {e}", context) from None
        except (TypeError, ValueError, OverflowError, ArithmeticError, LookupError) as e:
            raise self._fail(head.at, f"error calling {name}: {e}", context) from e
        if isinstance(result, str) and len(result) > self.library.limits.output:
            raise self._fail(head.at, f"result of {name} exceeds {self.library.limits.output} characters", context)
        return result
