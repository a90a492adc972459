"""YAML read strictly: unknown and duplicate keys refused, sizes bounded, every problem with its file, line and key.

`load(Model, text, file)` is the whole of it: parse, validate, and raise one ConfigError that lists all mistakes.
The text is composed into nodes once (PyYAML's C loader); a problem's line is looked up in the nodes only when needed.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from narthex.config.scalars import Scalar, binary_scalar, plain_scalar
from narthex.errors import ConfigError, ConfigProblem, InternalError

MAX_BYTES = 64 * 1024 * 1024
MAX_DEPTH = 64
MAX_ALIASED_NODES = 100_000  # nodes that exist only because an alias repeats them

Loc = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)

if not hasattr(yaml, "CSafeLoader"):
    raise InternalError("PyYAML was built without libyaml: reinstall it from a wheel")

_PLAIN, _QUOTED, _MERGE, _NULL, _STR, _BINARY = (
    "plain",
    "quoted",
    "tag:yaml.org,2002:merge",
    "tag:yaml.org,2002:null",
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:binary",
)


class _Loader(yaml.CSafeLoader):
    """Composes nodes without resolving types: a scalar without a tag of its own is marked as plain or quoted."""

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode:
            if not implicit[0]:
                return _QUOTED
            return _MERGE if value == "<<" else _PLAIN
        return "seq" if kind is yaml.SequenceNode else "map"


INLINED = ("http_client", "discovery", "proxy_settings")
"""Names of model fields whose keys stand in the file beside the fields of the model that holds them."""


class Section(BaseModel):
    """A mapping of a configuration file. Unknown keys are mistakes; a null value is the zero value of its field."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=True, populate_by_name=True, defer_build=True
    )
    ALWAYS: ClassVar[frozenset[str]] = frozenset()
    """Fields that are printed even when they are empty, as Prometheus does."""

    @classmethod
    def keys(cls) -> dict[str, str]:
        """Each key that may stand in the file, with the field (or the inlined section's field) that takes it."""
        return _keys(cls)

    @model_validator(mode="before")
    @classmethod
    def _take(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, Scalar) and value.tag == "null":
            raise PydanticCustomError("section", "empty or null section")
        if not isinstance(value, dict):
            return value
        if info.context is not None and "keys" in info.context:
            info.context["keys"][id(value)] = list(cls.keys())
        keys = _keys(cls)
        inlined = [name for name in INLINED if name in cls.model_fields]
        out: dict[str, Any] = {}
        for key, item in value.items():
            home = keys.get(key)
            if home in inlined and key not in inlined:
                out.setdefault(home, {})[key] = item
            elif home is None or home in _scalar_fields(cls) or not (isinstance(item, Scalar) and item.tag == "null"):
                out[key] = item
        return out


@cache
def _keys(section: type[Section]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, field in section.model_fields.items():
        if name in INLINED:
            assert isinstance(field.annotation, type)
            assert issubclass(field.annotation, Section)
            found |= dict.fromkeys(_keys(field.annotation), name)
        else:
            found[field.alias or name] = name
    return found


@cache
def _scalar_fields(section: type[Section]) -> frozenset[str]:
    """Fields whose own type turns null into its zero value; elsewhere (lists, sections) it keeps the default."""
    fields = section.model_fields.items()
    return frozenset(name for name, field in fields if any(isinstance(m, BeforeValidator) for m in field.metadata))


def wrong(message: str, *keys: str | int) -> PydanticCustomError:
    """A mistake found by a model validator, at a key below the model (or at the model itself without one)."""
    return PydanticCustomError("mistake", "{message}", {"message": message, "keys": keys})


class Document:
    """One parsed YAML document: `value` is made of dict, list and Scalar; an empty document is None."""

    def __init__(self, file: str, root: yaml.Node | None) -> None:
        self.file, self._root = file, root
        self._aliased, self._active, self._seen = 0, set[int](), set[int]()
        self.value: Any = None if root is None else self._walk(root, 0, False)

    def problem(self, loc: Sequence[str | int], message: str) -> ConfigProblem:
        """A mistake at a path of keys and indexes."""
        return ConfigProblem(self.file, self.line(loc), dotted(loc), message)

    def line(self, loc: Sequence[str | int]) -> int:
        """The line on which the thing at `loc` starts, or the nearest thing around it that exists; 0 when unknown."""
        node, line = self._root, 0 if self._root is None else self._root.start_mark.line + 1
        for step in loc:
            if isinstance(node, yaml.MappingNode):
                found = _find(node, str(step))
                if found is None:
                    break
                line, node = found[0].start_mark.line + 1, found[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                break
        return line

    def _fail(self, node: yaml.Node, message: str) -> ConfigError:
        return ConfigError([ConfigProblem(self.file, node.start_mark.line + 1, "", message)])

    def _walk(self, node: yaml.Node, depth: int, repeated: bool) -> Any:
        if depth > MAX_DEPTH:
            raise self._fail(node, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, yaml.ScalarNode):
            if repeated:
                self._count(node)
            return self._scalar(node)
        if id(node) in self._active:
            raise self._fail(node, "an anchor contains itself")
        repeated = repeated or id(node) in self._seen
        self._active.add(id(node))
        self._seen.add(id(node))
        if repeated:
            self._count(node)
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self._walk(item, depth + 1, repeated) for item in node.value]
            return self._mapping(node, depth, repeated)
        finally:
            self._active.discard(id(node))

    def _count(self, node: yaml.Node) -> None:
        self._aliased += 1
        if self._aliased > MAX_ALIASED_NODES:
            raise self._fail(node, "the file's aliases expand to too much: write the repeated parts out")

    def _scalar(self, node: yaml.ScalarNode) -> Scalar:
        text, tag = node.value, node.tag
        if tag == _PLAIN:
            return plain_scalar(text)
        if tag == _BINARY:
            try:
                return binary_scalar(text)
            except ValueError as e:
                raise self._fail(node, str(e)) from None
        if tag == _NULL:
            return Scalar("", "null")
        return Scalar(text, "str") if tag in (_QUOTED, _STR) else plain_scalar(text)

    def _mapping(self, node: yaml.Node, depth: int, repeated: bool) -> dict[str, Any]:
        out: dict[str, Any] = {}
        merges: list[yaml.Node] = []
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._fail(key_node, "a key must be text, not a list or a mapping")
            if key_node.tag == _MERGE:
                merges.append(value_node)
                continue
            key = str(self._scalar(key_node))
            if key in out:
                raise self._fail(key_node, f'key "{key}" is set twice in the same mapping')
            out[key] = self._walk(value_node, depth + 1, repeated)
        for merge in merges:
            for source in merge.value if isinstance(merge, yaml.SequenceNode) else [merge]:
                if not isinstance(source, yaml.MappingNode):
                    raise self._fail(merge, "a merge key (<<) takes a mapping or a list of mappings")
                for key, value in self._walk(source, depth + 1, repeated).items():
                    out.setdefault(key, value)
        return out


def _find(node: yaml.MappingNode, key: str) -> tuple[yaml.Node, yaml.Node] | None:
    merges = []
    for key_node, value_node in node.value:
        if key_node.tag == _MERGE:
            merges.append(value_node)
        elif key_node.value == key:
            return key_node, value_node
    for merge in merges:
        for source in merge.value if isinstance(merge, yaml.SequenceNode) else [merge]:
            found = _find(source, key) if isinstance(source, yaml.MappingNode) else None
            if found is not None:
                return found
    return None


def dotted(loc: Sequence[str | int]) -> str:
    """scrape_configs[0].job_name"""
    out = ""
    for step in loc:
        out += f"[{step}]" if isinstance(step, int) else f".{step}" if out else step
    return out


def parse(data: bytes | str, file: str) -> Document:
    """The first document of the text; others after it are ignored, as Prometheus does. Raises ConfigError."""
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        raise ConfigError([ConfigProblem(file, 0, "", f"larger than {MAX_BYTES // 1024 // 1024} MiB")])
    try:
        text = raw.decode()
    except UnicodeDecodeError as e:
        line = raw.count(b"\n", 0, e.start) + 1
        raise ConfigError([ConfigProblem(file, line, "", f"not UTF-8 text (byte {e.start})")]) from None
    try:
        _check_depth(text, file)
        loader = _Loader(text)
        try:
            root = loader.get_node() if loader.check_node() else None
        finally:
            loader.dispose()
    except yaml.YAMLError as e:
        raise ConfigError([_syntax_problem(e, file)]) from None
    except RecursionError:
        raise ConfigError([ConfigProblem(file, 0, "", f"nested deeper than {MAX_DEPTH} levels")]) from None
    return Document(file, root)


def _check_depth(text: str, file: str) -> None:
    """Composing recurses in C, so hostile nesting is refused on the event stream (only when it is possible at all)."""
    if max((text.count(c) for c in "[{-?:"), default=0) <= MAX_DEPTH:
        return
    loader, depth = _Loader(text), 0
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    line = event.start_mark.line + 1 if event.start_mark else 0
                    raise ConfigError([ConfigProblem(file, line, "", f"nested deeper than {MAX_DEPTH} levels")])
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    finally:
        loader.dispose()


def _syntax_problem(error: yaml.YAMLError, file: str) -> ConfigProblem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    text = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    message = f"not valid YAML: {text}" + (f" ({context})" if context else "")
    return ConfigProblem(file, mark.line + 1 if mark is not None else 0, "", message)


def validate(model: type[M], document: Document, context: Mapping[str, Any] | None = None, at: Loc = ()) -> M:
    """The model that a document holds; an empty document is an empty mapping. Raises ConfigError with all problems."""
    value = {} if document.value is None or is_null(document.value) else document.value
    keys: dict[int, list[str]] = {}
    try:
        return model.model_validate(value, context={**(context or {}), "keys": keys})
    except ValidationError as e:
        raise ConfigError(problems_of(e, document, keys, at)) from None


def is_null(value: Any) -> bool:
    """Whether a value of a document is an explicit or empty null."""
    return isinstance(value, Scalar) and value.tag == "null"


def problems_of(
    error: ValidationError, document: Document, keys: dict[int, list[str]], at: Loc = ()
) -> list[ConfigProblem]:
    """Pydantic's findings as problems of a file, in file order."""
    out: list[ConfigProblem] = []
    for item in error.errors(include_url=False):
        context = item.get("ctx", {})
        loc: Loc = at + tuple(s for s in item["loc"] if s not in INLINED and s != "[key]")
        loc += tuple(context.get("keys", ()))
        problem = document.problem(loc, _message(item["type"], item["msg"], context, loc, document.value, keys))
        if problem not in out:
            out.append(problem)
    return sorted(out, key=lambda p: p.line)


def _message(kind: str, text: str, context: dict[str, Any], loc: Loc, value: Any, keys: dict[int, list[str]]) -> str:
    match kind:
        case "extra_forbidden":
            return unknown_key(str(loc[-1]), keys.get(id(_at(value, loc[:-1])), []))
        case "missing":
            return "this key is required"
        case "value_error" | "assertion_error":
            return str(context.get("error", text))
        case "string_type":
            return "expected text"
        case "list_type" | "tuple_type":
            return "expected a list"
        case "dict_type" | "model_type" | "model_attributes_type":
            return "expected a mapping of keys to values"
        case "literal_error":
            return f'expected {context["expected"]}, got "{_at(value, loc)}"'
        case "mistake" | "section":
            return text
        case "too_short":
            return "must not be empty"
        case _:
            return text[:1].lower() + text[1:]


def unknown_key(key: str, allowed: Sequence[str]) -> str:
    """What to say about a key that a section does not have."""
    near = difflib.get_close_matches(key, allowed, n=1, cutoff=0.6)
    if near:
        return f'unknown key "{key}": did you mean "{near[0]}"?'
    known = ", ".join(sorted(allowed))
    return f'unknown key "{key}"' + (f" (known here: {known})" if known and len(allowed) <= 20 else "")


def _at(value: Any, loc: Loc) -> Any:
    for step in loc:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value


def load(model: type[M], data: bytes | str, file: str, context: Mapping[str, Any] | None = None) -> M:
    """Parse and validate in one step. Raises ConfigError."""
    return validate(model, parse(data, file), context)


def read(path: Path) -> bytes:
    """The bytes of a configuration file, bounded. Raises ConfigError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as e:
        raise ConfigError([ConfigProblem(str(path), 0, "", f"cannot be read: {e.strerror or e}")]) from None
