"""Reading and checking terminal.toml: every problem at once, each with its key path.

Kept apart from the types, so that processes which get a ready Config need not parse. Never
starts anything and never changes the file.
"""

from __future__ import annotations

import hashlib
import tomllib
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

import msgspec

from terminal.config import Config, ConfigError, Loaded, Problem
from terminal.config_rules import cross_check

FILE_BYTES_MAX = 256 * 1024
FILE_WANTED = "a TOML file; begin with a copy of terminal/examples/gate.toml"


def load(path: Path) -> Loaded:
    """Read, check and digest the file. Raises ConfigError listing all problems."""
    raw = _read(path)
    config, problems = parse(raw)
    if config is not None:
        problems += tuple(cross_check(config))
    if problems or config is None:
        raise ConfigError(str(path), problems)
    return Loaded(config, path.resolve().parent, hashlib.sha256(raw).digest())


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > FILE_BYTES_MAX:
            raise ConfigError(
                str(path), (Problem("file", f"{size} bytes", f"at most {FILE_BYTES_MAX}"),)
            )
        return path.read_bytes()
    except OSError as error:
        found = (error.strerror or "unreadable").lower()
        raise ConfigError(str(path), (Problem("file", found, FILE_WANTED),)) from error


def parse(raw: bytes) -> tuple[Config | None, tuple[Problem, ...]]:
    """Decode a whole file; keys with problems are left at their defaults in the Config."""
    try:
        tree = tomllib.loads(raw.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return None, (Problem("file", str(error), "TOML 1.0 in UTF-8"),)
    problems = tuple(_struct_problems(tree, Config, ""))
    for problem in problems:
        _prune(tree, problem.key)
    try:
        return msgspec.convert(tree, Config), problems
    except msgspec.ValidationError as error:
        if problems:
            return None, problems
        return None, (Problem("file", str(error), "see the commented example"),)


def _prune(tree: dict[str, object], path: str) -> None:
    """Drop a bad key, so that the rules between keys can still be checked for the others."""
    node: object = tree
    *parents, last = path.replace("[", ".").replace("]", "").split(".")
    for part in parents:
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict):
            node = node.get(part)
    if isinstance(node, dict):
        node.pop(last, None)


def _struct_problems(tree: object, struct: type[msgspec.Struct], prefix: str) -> Iterator[Problem]:
    if not isinstance(tree, dict):
        yield Problem(prefix.rstrip("."), _show(tree), "a section")
        return
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(struct)}
    for key, value in tree.items():
        path = f"{prefix}{key}"
        if key not in fields:
            yield Problem(path, "unknown key", _nearest(key, fields))
        else:
            yield from _value_problems(value, fields[key], path)


def _value_problems(value: object, kind: object, path: str) -> Iterator[Problem]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _struct_problems(value, kind, f"{path}.")
        return
    args = get_args(kind)
    item = args[0] if get_origin(kind) is tuple and args else None
    if isinstance(item, type) and issubclass(item, msgspec.Struct) and isinstance(value, list):
        for index, part in enumerate(value):
            yield from _struct_problems(part, item, f"{path}[{index}].")
        return
    try:
        msgspec.convert(value, typing.cast(type, kind))
    except msgspec.ValidationError:
        yield Problem(path, _show(value), describe(kind))


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest(key: str, fields: dict[str, object]) -> str:
    import difflib

    near = difflib.get_close_matches(key, list(fields), n=1)
    return f"perhaps {near[0]!r}" if near else "one of " + ", ".join(sorted(fields))


_PLAIN = {int: "a whole number", str: "a text", bool: "true or false"}


def describe(kind: object) -> str:
    """What a value of this type may be, as words for a person."""
    origin = get_origin(kind)
    if origin is Annotated:
        base, *metas = get_args(kind)
        return describe(base) + "".join(_bounds(meta) for meta in metas)
    if origin is Literal:
        return "one of " + ", ".join(repr(choice) for choice in get_args(kind))
    if origin is tuple:
        return f"a list, each item {describe(get_args(kind)[0])}"
    if origin in (typing.Union, types.UnionType):
        return " or ".join(describe(part) for part in get_args(kind))
    return _PLAIN.get(typing.cast(type, kind), str(kind))


def _bounds(meta: object) -> str:
    if not isinstance(meta, msgspec.Meta):
        return ""
    words = (
        (meta.ge, "from {}"),
        (meta.le, "to {}"),
        (meta.multiple_of, "in steps of {}"),
        (meta.min_length, "at least {} characters"),
        (meta.max_length, "at most {} characters"),
        (meta.pattern, "matching {}"),
    )
    return "".join(" " + text.format(bound) for bound, text in words if bound is not None)
