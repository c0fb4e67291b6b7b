"""Plain data out of a YAML or JSON file, and every key that is written twice in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from gridmuster.errors import Fault, FleetError
from gridmuster.fleet.place import Part, Place, Source, did_you_mean, shown

Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: Most values that a document with aliases may stand for.
MAX_NODES: Final = 20_000_000
MERGE_TAG: Final = "tag:yaml.org,2002:merge"


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds.

    Args:
        source: the file, able to find lines in it.
        data: its content as plain dicts, lists, text and numbers.
        faults: keys that are written twice.
    """

    source: Source
    data: Any
    faults: tuple[Fault, ...]


class NodeLines:
    """Finds lines in a YAML or JSON text; reads the text when it is first asked.

    Args:
        text: the text.
        root: its YAML nodes, when they are there already.
    """

    def __init__(self, text: str, root: yaml.Node | None = None) -> None:
        self._text = text
        self._root = root
        self._composed = root is not None

    def root(self) -> yaml.Node | None:
        """The text's nodes; None when YAML cannot read it."""
        if not self._composed:
            self._composed = True
            try:
                self._root = _composed(self._text)
            except (yaml.YAMLError, RecursionError):
                self._root = None
        return self._root

    def of(self, parts: Sequence[Part]) -> int:
        """Line of the deepest part that exists, counted from 1; 0 when it is not known."""
        node = self.root()
        if node is None:
            return 0
        line = node.start_mark.line
        for part in parts:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return int(line) + 1


def read_document(path: Path, name: str) -> Document:
    """Read a YAML file (``.json``: a JSON file) as plain data.

    Args:
        path: the file.
        name: how to call it in faults.

    Raises:
        FleetError: when there is no such file, or it cannot be read or parsed at all.
    """
    text = _read_text(path, name)
    if path.suffix.lower() == ".json":
        return _read_json(text, name)
    try:
        root = _composed(text)
        source = Source(name, lines=NodeLines(text, root))
        if root is not None and "*" in text:
            _check_aliases(root)
        # Before building, which writes merged keys into the nodes.
        twice = tuple(_twice(root, source))
        data = Loader("").construct_document(root) if root is not None else None
    except yaml.YAMLError as error:
        raise FleetError([_yaml_fault(error, name)]) from error
    except (RecursionError, ValueError) as error:
        raise FleetError([_whole(name, "text", f"not YAML: {error}", "a YAML document")]) from error
    return Document(source, data, twice)


def _read_text(path: Path, name: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        folder = path.parent
        beside = sorted(p.name for p in folder.iterdir() if p.is_file()) if folder.is_dir() else []
        limit = f"there is no such file{did_you_mean(path.name, beside)}"
        fault = _whole(name, "nothing", limit, "the path of a fleet file (gridmuster fleet new)")
    except IsADirectoryError:
        fault = _whole(name, "a folder", "a folder is no fleet", "the path of a fleet file")
    except UnicodeDecodeError as error:
        fault = _whole(
            name, f"byte {error.object[error.start]:#04x}", "not UTF-8 text", "a file in UTF-8"
        )
    except OSError as error:
        fault = _whole(name, "nothing", f"cannot be read: {error.strerror}", "a readable file")
    raise FleetError([fault])


def _whole(name: str, value: str, limit: str, expected: str) -> Fault:
    return Fault(file=name, path="", value=value, limit=limit, expected=expected)


def _composed(text: str) -> yaml.Node | None:
    loader = Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _check_aliases(root: yaml.Node) -> None:
    """Refuse text whose aliases go round in a circle or stand for far more than is written.

    Raises:
        yaml.YAMLError: saying which.
    """
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known == 0:
            problem = "an alias stands for the very block it is in"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        if known is None:
            sizes[id(node)] = 0
            known = 1
            if isinstance(node, yaml.SequenceNode):
                known += sum(size(child) for child in node.value)
            elif isinstance(node, yaml.MappingNode):
                known += sum(size(key) + size(child) for key, child in node.value)
            sizes[id(node)] = known
        return known

    if size(root) > MAX_NODES:
        problem = f"its aliases stand for more than {MAX_NODES} values"
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=root.start_mark)


def _yaml_fault(error: yaml.YAMLError, name: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    problem = str(getattr(error, "problem", None) or error)
    context = getattr(error, "context", None)
    return Fault(
        file=name,
        path=f"line {mark.line + 1}, column {mark.column + 1}" if mark else "",
        value="text that is not YAML",
        limit=f"{context}: {problem}" if context else problem,
        expected="a YAML document",
        line=mark.line + 1 if mark else 0,
    )


def _read_json(text: str, name: str) -> Document:
    source = Source(name, lines=NodeLines(text))
    twice: list[str] = []

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        block = dict(items)
        if len(block) < len(items):
            count = Counter(key for key, _ in items)
            twice.extend(key for key, times in count.items() if times > 1)
        return block

    try:
        data = json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        fault = Fault(
            file=name,
            path=f"line {error.lineno}, column {error.colno}",
            value=shown(text[error.pos : error.pos + 20]) if text[error.pos :] else "the end",
            limit=f"not JSON: {error.msg}",
            expected="a JSON document",
            line=error.lineno,
        )
        raise FleetError([fault]) from error
    except RecursionError as error:
        raise FleetError([_whole(name, "text", "nested too deep", "a fleet")]) from error
    faults: list[Fault] = []
    if twice:
        root = NodeLines(text).root()
        faults = list(_twice(root, source)) or [_twice_fault(Place(source), key) for key in twice]
    return Document(source, data, tuple(faults))


def _twice(root: yaml.Node | None, source: Source) -> Iterator[Fault]:
    """A fault for each key that its block holds already."""
    seen_nodes: set[int] = set()
    left: list[tuple[yaml.Node, tuple[Part, ...]]] = [(root, ())] if root is not None else []
    while left:
        node, path = left.pop()
        if id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left.extend((child, (*path, k)) for k, child in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            first_line: dict[str, int] = {}
            for key, child in node.value:
                if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE_TAG:
                    continue
                line = key.start_mark.line + 1
                if key.value in first_line:
                    yield _twice_fault(Place(source, path), key.value, line, first_line[key.value])
                else:
                    first_line[key.value] = line
                left.append((child, (*path, key.value)))


def _twice_fault(place: Place, key: str, line: int = 0, first_line: int = 0) -> Fault:
    return Fault(
        file=place.source.file,
        path=place.path(key),
        value=f"a second {key}",
        limit=f"the key is already on line {first_line}"
        if first_line
        else "the key is there twice",
        expected="each key once in a block",
        line=line,
    )


def _child(node: yaml.Node, part: Part) -> tuple[int, yaml.Node] | None:
    """Line and node of a part of a node."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        if 0 <= part < len(node.value):
            child = node.value[part]
            return child.start_mark.line, child
    elif isinstance(node, yaml.MappingNode):
        for key, child in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value == part:
                return key.start_mark.line, child
    return None
