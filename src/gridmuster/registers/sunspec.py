"""SunSpec model chains: where every point of every model lies, from the models' own definitions.

The definitions are the SunSpec Alliance's JSON files as shipped in the pysunspec2 package, and
our own supplement beside the maps. Only the files are used: a chain starts with 'SunS', then
model after model (id, length, points), and ends with id 0xFFFF and length 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final

from gridmuster.registers.schema import PointType

BASE_ADDRESSES: Final = (40_000, 0, 50_000)
MARK: Final = (0x5375, 0x6E53)  # "SunS"
END_MODEL: Final = 0xFFFF
MAX_CHAIN_MODELS: Final = 64
MAX_NESTING: Final = 8

#: SunSpec point types in our words; types that no map may point at are None.
TYPES: Final[dict[str, PointType | None]] = {
    "int16": PointType.S16,
    "uint16": PointType.U16,
    "count": PointType.U16,
    "acc16": PointType.U16,
    "enum16": PointType.U16,
    "bitfield16": PointType.BITS,
    "int32": PointType.S32,
    "uint32": PointType.U32,
    "acc32": PointType.U32,
    "enum32": PointType.U32,
    "bitfield32": PointType.BITS32,
    "int64": PointType.S64,
    "uint64": PointType.U64,
    "acc64": PointType.U64,
    "float32": PointType.F32,
    "float64": PointType.F64,
    "string": PointType.STRING,
    "sunssf": PointType.S16,
    "pad": None,
    "ipaddr": None,
    "ipv6addr": None,
    "eui48": None,
}

#: Raw words of "not implemented", by type (SunSpec Device Information Model Specification).
UNIMPLEMENTED: Final[dict[str, tuple[int, ...]]] = {
    "int16": (0x8000,),
    "uint16": (0xFFFF,),
    "count": (0xFFFF,),
    "acc16": (0,),
    "enum16": (0xFFFF,),
    "bitfield16": (0xFFFF,),
    "int32": (0x8000, 0),
    "uint32": (0xFFFF, 0xFFFF),
    "acc32": (0, 0),
    "enum32": (0xFFFF, 0xFFFF),
    "bitfield32": (0xFFFF, 0xFFFF),
    "int64": (0x8000, 0, 0, 0),
    "uint64": (0xFFFF,) * 4,
    "acc64": (0,) * 4,
    "float32": (0x7FC0, 0),
    "float64": (0x7FF8, 0, 0, 0),
    "sunssf": (0x8000,),
}


@dataclass(frozen=True, slots=True)
class ModelPoint:
    """One point of a model at its place.

    Args:
        name: like ``W``, or ``Crv[0].ActPt`` inside a repeated group.
        address: first register.
        registers: how many registers it takes.
        kind: SunSpec type, like ``uint16``.
        scale_factor: name of the point that holds the power of ten, a fixed power, or None.
        writable: whether a client may write it.
        codes: the values an enumeration knows; empty when any will do.
    """

    name: str
    address: int
    registers: int
    kind: str
    scale_factor: str | int | None
    writable: bool
    codes: tuple[int, ...]

    @property
    def type(self) -> PointType | None:
        """The type in our words; None when no map may point at it."""
        return TYPES[self.kind]


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a chain at its place; ``length`` counts the registers after id and length."""

    id: int
    address: int
    length: int
    points: Mapping[str, ModelPoint]


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A whole chain: base, models in order, and the address after its end; equal only to itself."""

    base: int
    models: tuple[Model, ...]
    end: int

    def point(self, at: str) -> ModelPoint:
        """The point that ``701.W`` names.

        Raises:
            ValueError: when there is no such model or point.
        """
        head, _, name = at.partition(".")
        model = next((m for m in self.models if str(m.id) == head), None)
        if model is None:
            have = ", ".join(str(m.id) for m in self.models)
            raise ValueError(f"{at!r}: no model {head!r} in the chain; it has {have}")
        if name not in model.points:
            raise ValueError(f"{at!r}: model {head} has no point {name!r}")
        return model.points[name]


@cache
def definition(model_id: int) -> Mapping[str, Any] | None:
    """The JSON definition of a model, or None when nobody published one we have."""
    name = f"model_{model_id}.json"
    for folder in (files("gridmuster.registers") / "maps", files("sunspec2") / "models" / "json"):
        if (folder / name).is_file():
            loaded: Mapping[str, Any] = json.loads((folder / name).read_text("utf-8"))
            return loaded
    return None


def place_model(model_id: int, address: int, counts: Mapping[str, int]) -> Model:
    """A model with all its points at a given address.

    Args:
        model_id: which model.
        address: register of its id.
        counts: how often its groups repeat, by the name of the point that says so.

    Returns:
        The placed model.

    Raises:
        ValueError: for an unknown model, or a repetition that nobody gave.
    """
    found = definition(model_id)
    if found is None:
        raise ValueError(f"no definition of SunSpec model {model_id}")
    points: dict[str, ModelPoint] = {}
    end = _place_group(found["group"], "", address, counts, points, 0)
    return Model(model_id, address, end - address - 2, points)


def build_chain(base: int, models: Sequence[int], counts: Mapping[str, int]) -> Chain:
    """A chain of models one after the other; cached.

    Args:
        base: where 'SunS' stands.
        models: model ids in order.
        counts: repetitions by ``model.point``, like ``{"705.NPt": 4}``.

    Returns:
        The chain with every point's address.

    Raises:
        ValueError: see `place_model`.
    """
    return _build_chain(base, tuple(models), tuple(sorted(counts.items())))


@lru_cache(maxsize=64)
def _build_chain(base: int, models: tuple[int, ...], counts: tuple[tuple[str, int], ...]) -> Chain:
    placed: list[Model] = []
    address = base + 2
    for model_id in models:
        prefix = f"{model_id}."
        own = {key[len(prefix) :]: n for key, n in counts if key.startswith(prefix)}
        placed.append(place_model(model_id, address, own))
        address += placed[-1].length + 2
    return Chain(base, tuple(placed), address + 2)


def chain_words(chain: Chain, counts: Mapping[str, int]) -> list[int]:
    """The registers of a chain in which nothing is implemented yet but its structure.

    Args:
        chain: the chain.
        counts: as in `build_chain`; written into the points that say them.

    Returns:
        One word a register, from 'SunS' to the end model.
    """
    return list(_chain_words(chain, tuple(sorted(counts.items()))))


@lru_cache(maxsize=64)
def _chain_words(chain: Chain, counts: tuple[tuple[str, int], ...]) -> tuple[int, ...]:
    words = [0] * (chain.end - chain.base)
    words[0:2] = MARK
    repeats = dict(counts)
    for model in chain.models:
        for point in model.points.values():
            start = point.address - chain.base
            blank = UNIMPLEMENTED.get(point.kind, (0,) * point.registers)
            words[start : start + point.registers] = blank
            repeated = repeats.get(f"{model.id}.{point.name}")
            if repeated is not None:
                words[start] = repeated
        words[model.address - chain.base] = model.id
        words[model.address - chain.base + 1] = model.length
    words[-2:] = [END_MODEL, 0]
    return tuple(words)


def _place_group(
    group: Mapping[str, Any],
    prefix: str,
    address: int,
    counts: Mapping[str, int],
    into: dict[str, ModelPoint],
    depth: int,
) -> int:
    if depth > MAX_NESTING:
        raise ValueError(f"groups nested deeper than {MAX_NESTING}")
    for point in group["points"]:
        size = int(point["size"])
        name = prefix + str(point["name"])
        into[name] = ModelPoint(
            name=name,
            address=address,
            registers=size,
            kind=str(point["type"]),
            scale_factor=point.get("sf"),
            writable=point.get("access") == "RW",
            codes=tuple(int(s["value"]) for s in point.get("symbols", ()))
            if str(point["type"]).startswith("enum")
            else (),
        )
        address += size
    for inner in group.get("groups", ()):
        count = inner.get("count", 1)
        if isinstance(count, str):
            if count not in counts:
                raise ValueError(f"nobody says how often {inner['name']!r} repeats ({count})")
            count = counts[count]
        several = "count" in inner
        for index in range(int(count)):
            label = f"{prefix}{inner['name']}{f'[{index}]' if several else ''}."
            address = _place_group(inner, label, address, counts, into, depth + 1)
    return address
