"""Reading map files: by name from the package or by path, with every fault at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from gridmuster.errors import Fault, FleetError
from gridmuster.registers.commands import CommandSet
from gridmuster.registers.compiled import Point
from gridmuster.registers.register_map import RegisterMap
from gridmuster.registers.resolve import FactorAt, Resolver
from gridmuster.registers.schema import MapFile
from gridmuster.registers.sunspec import Chain, chain_words

MAX_FILE_BYTES: Final = 1_000_000
MAX_EXTENDS: Final = 4
HOW: Final = "see docs/register-maps.md"


def map_names() -> tuple[str, ...]:
    """Names of the maps that come with the package."""
    folder = files("gridmuster.registers") / "maps"
    return tuple(
        sorted(
            entry.name.removesuffix(".yaml")
            for entry in folder.iterdir()
            if entry.name.endswith(".yaml")
        )
    )


def load_map(name: str, parameters: Mapping[str, float] | None = None) -> RegisterMap:
    """The register map of that name, bound to a device's numbers; cached.

    Args:
        name: a map of the package, or the path of a map file (ending in .yaml or .yml).
        parameters: what the registers do not say, like ``rated_kw``; the map names them.

    Returns:
        The map, shared by all who ask for the same.

    Raises:
        FleetError: for an unknown map or a faulty file, with every fault at once.
    """
    return _load(name, tuple(sorted((parameters or {}).items())))


@lru_cache(maxsize=256)
def load_spec(name: str) -> MapFile:
    """The content of a map file, with what it extends filled in; cached.

    Raises:
        FleetError: as `load_map`.
    """
    return _validated(name, _merged(name, 0))


def compile_map(
    name: str,
    spec: MapFile,
    parameters: Mapping[str, float],
    chain: Chain | None = None,
    factor_at: FactorAt | None = None,
) -> RegisterMap:
    """A bound map from a file's content.

    Args:
        name: how faults name the file.
        spec: its content.
        parameters: the device's numbers.
        chain: the SunSpec chain found at a real device; None takes the one in the file.
        factor_at: scale factors found at a real device.

    Returns:
        The map.

    Raises:
        FleetError: with every fault.
    """
    resolver = Resolver(name, spec, parameters, chain, factor_at)
    points = resolver.points()
    recipes = resolver.recipes()
    parts = _blank(spec, resolver, is_found=chain is not None)
    segments = [(address, len(words)) for address, words in parts]
    faults = [*resolver.faults, *_overlaps(name, segments), *_outside(name, points, segments)]
    if faults:
        raise FleetError(faults)
    writable, codes = _writable(resolver.chain)
    return RegisterMap(
        name=spec.name,
        family=spec.family,
        points=points,
        segments=segments,
        words=[word for _, words in parts for word in words],
        commands=CommandSet(recipes),
        writable=writable,
        codes=codes,
        parameters=resolver.names,
        gap=spec.gap,
    )


@lru_cache(maxsize=4096)
def _load(name: str, parameters: tuple[tuple[str, float], ...]) -> RegisterMap:
    return compile_map(name, load_spec(name), dict(parameters))


def _blank(spec: MapFile, resolver: Resolver, *, is_found: bool) -> list[tuple[int, list[int]]]:
    """Readable registers before anything is known: (address, words) of each run, in order."""
    parts = [(s.address, [spec.filler] * s.count) for s in spec.readable]
    if resolver.chain is not None:
        counts = spec.sunspec.counts if spec.sunspec is not None and not is_found else {}
        words = chain_words(resolver.chain, counts)
        for address in resolver.conditions:
            # A field of conditions that the map knows is implemented: its other bits are 0.
            if resolver.chain.base <= address < resolver.chain.end:
                words[address - resolver.chain.base] = 0
        parts.append((resolver.chain.base, words))
    return sorted(parts)


def _overlaps(name: str, segments: Sequence[tuple[int, int]]) -> list[Fault]:
    return [
        Fault(
            name,
            "readable",
            f"{start}..{start + count - 1}",
            f"overlaps the registers from {before} to {before + size - 1}",
            "each register in one segment only",
        )
        for (before, size), (start, count) in pairwise(segments)
        if start < before + size
    ]


@lru_cache(maxsize=64)
def _writable(chain: Chain | None) -> tuple[frozenset[int], dict[int, frozenset[int]]]:
    addresses: set[int] = set()
    codes: dict[int, frozenset[int]] = {}
    for model in chain.models if chain is not None else ():
        for point in model.points.values():
            if point.writable:
                addresses.update(range(point.address, point.address + point.registers))
                if point.codes and point.registers == 1:
                    codes[point.address] = frozenset(point.codes)
    return frozenset(addresses), codes


def _outside(
    name: str, points: Sequence[Point], segments: Sequence[tuple[int, int]]
) -> list[Fault]:
    return [
        Fault(
            name,
            f"points.{point.name}",
            f"{point.address}..{point.address + point.registers - 1}",
            "lies in no readable segment",
            "an address inside one of " + ", ".join(f"{a}..{a + n - 1}" for a, n in segments),
        )
        for point in points
        if not any(
            a <= point.address and point.address + point.registers <= a + n for a, n in segments
        )
    ]


def _merged(name: str, depth: int) -> dict[str, Any]:
    """A file's raw content laid over that of the map it extends."""
    content = _raw(name)
    parent = content.pop("extends", None)
    if parent is None:
        return content
    if depth >= MAX_EXTENDS:
        raise FleetError(
            [Fault(name, "extends", str(parent), f"more than {MAX_EXTENDS} deep", HOW)]
        )
    if is_path(str(parent)):
        parent = str(Path(name).parent / str(parent))
    below = _merged(str(parent), depth + 1)
    own = _points_of(content)
    replaced = {_key(point) for point in own}
    dropped = set(content.pop("drop", ()))
    kept = [
        point
        for point in _points_of(below)
        if _key(point) not in replaced and point.get("name") not in dropped
    ]
    merged = {**below, **content, "points": [*kept, *own]}
    for key in ("parameters", "commands"):
        merged[key] = {**below.get(key, {}), **content.get(key, {})}
    merged["readable"] = [*below.get("readable", []), *content.get("readable", [])]
    return merged


def _points_of(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = content.get("points", [])
    return [p for p in found if isinstance(p, dict)] if isinstance(found, list) else []


def _key(point: Mapping[str, Any]) -> tuple[Any, Any]:
    return point.get("name"), point.get("bit")


def is_path(name: str) -> bool:
    """Whether a map is named by its file rather than by its name in the package."""
    return name.endswith((".yaml", ".yml"))


def _raw(name: str) -> dict[str, Any]:
    if is_path(name):
        path = Path(name)
        if not path.is_file():
            raise FleetError([Fault(name, "(file)", name, "no such file", "a map file in YAML")])
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FleetError(
                [
                    Fault(
                        name,
                        "(file)",
                        f"{path.stat().st_size} bytes",
                        f"at most {MAX_FILE_BYTES}",
                        "a smaller file",
                    )
                ]
            )
        text = path.read_text("utf-8")
    else:
        if name not in map_names():
            raise FleetError(
                [
                    Fault(
                        name,
                        "controller.map",
                        repr(name),
                        "no such register map",
                        "one of " + ", ".join(map_names()) + ", or the path of a .yaml file",
                    )
                ]
            )
        text = (files("gridmuster.registers") / "maps" / f"{name}.yaml").read_text("utf-8")
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FleetError([Fault(name, "(file)", "", f"not YAML: {error}", HOW)]) from error
    if not isinstance(content, dict):
        raise FleetError([Fault(name, "(file)", type(content).__name__, "not a mapping", HOW)])
    return {k: v for k, v in content.items() if not str(k).startswith("x-")}


def _validated(name: str, content: dict[str, Any]) -> MapFile:
    try:
        return MapFile.model_validate(content)
    except ValidationError as error:
        raise FleetError(
            [
                Fault(
                    name,
                    ".".join(str(part) for part in found["loc"]) or "(file)",
                    repr(found.get("input"))[:80],
                    found["msg"],
                    HOW,
                )
                for found in error.errors()
            ]
        ) from error
