"""Finding the models of an unknown SunSpec device, and the map that fits its real offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from gridmuster.errors import LinkError
from gridmuster.registers.compiled import TEN_TO, text_of
from gridmuster.registers.load import compile_map, load_spec
from gridmuster.registers.register_map import RegisterMap
from gridmuster.registers.schema import MAX_REGISTERS_PER_READ, MapFile, RecipeSpec
from gridmuster.registers.sunspec import (
    BASE_ADDRESSES,
    END_MODEL,
    MARK,
    MAX_CHAIN_MODELS,
    Chain,
    Model,
    definition,
    place_model,
)

#: Longest model that is read, in registers; the biggest published one has under 1,000.
MAX_MODEL: Final = 4_000
STORAGE_MODEL: Final = 713
METER_MODELS: Final = frozenset({201, 202, 203, 204})


class Reader(Protocol):
    """What discovery needs of a link."""

    async def read(self, blocks: Sequence[tuple[int, int]]) -> list[list[int] | None] | None:
        """Registers of each (address, count), None for a refused one; None when silent."""
        ...


@dataclass(frozen=True, slots=True)
class Discovered:
    """What a SunSpec device turned out to be.

    Args:
        register_map: the map for its real offsets and scale factors.
        chain: its models at their places, unknown ones without points.
        maker: manufacturer, model and serial number as it says.
        rated_kw: its power rating (model 702), None when it does not say.
    """

    register_map: RegisterMap
    chain: Chain
    maker: tuple[str, str, str]
    rated_kw: float | None


async def discover(
    link: Reader, name: str | None = None, parameters: Mapping[str, float] | None = None
) -> Discovered:
    """Walk the model chain of a device and compile the map for its real offsets.

    Points and commands whose model the device does not have are left out.

    Args:
        link: how to read it.
        name: the map to fit; None picks it by the models found.
        parameters: the device's numbers; ``rated_kw`` is taken from model 702 when missing.

    Returns:
        The map and what else the device says of itself.

    Raises:
        LinkError: when it does not answer, or is no SunSpec device.
        FleetError: when the map itself is faulty.
    """
    base = await _find_base(link)
    models: list[Model] = []
    held: dict[int, int] = {}
    address = base + 2
    for _ in range(MAX_CHAIN_MODELS):
        head = await _read(link, address, 2, or_one=True)
        if head[0] == END_MODEL:
            break
        length = head[1]
        if length > MAX_MODEL:
            raise LinkError(
                f"model {head[0]} at {address} says it is {length} registers long, more than "
                f"{MAX_MODEL}; the chain is broken"
            )
        words = [*head, *(await _read_long(link, address + 2, length))]
        held.update((address + k, word) for k, word in enumerate(words))
        models.append(_model(head[0], address, words))
        address += length + 2
    else:
        raise LinkError(f"more than {MAX_CHAIN_MODELS} models without an end; the chain is broken")
    chain = Chain(base, tuple(models), address + 2)
    return _fit(chain, held, name, dict(parameters or {}))


def _fit(
    chain: Chain, held: Mapping[int, int], name: str | None, parameters: dict[str, float]
) -> Discovered:
    have = {model.id for model in chain.models}
    chosen = name or _map_name(have)
    spec = _only(load_spec(chosen), chain)
    rated_kw = _rated_kw(chain, held)
    if rated_kw is not None and "rated_kw" in spec.parameters:
        parameters.setdefault("rated_kw", rated_kw)
    found = compile_map(chosen, spec, parameters, chain, held.get)
    texts = [_text(chain, held, f"1.{point}") for point in ("Mn", "Md", "SN")]
    return Discovered(found, chain, (texts[0], texts[1], texts[2]), rated_kw)


def _map_name(have: set[int]) -> str:
    if have & METER_MODELS:
        return "meter-sunspec"
    return "sunspec-store" if STORAGE_MODEL in have else "sunspec-der"


def _only(spec: MapFile, chain: Chain) -> MapFile:
    """The map without the points and writes that the device has no place for."""
    commands: dict[str, Any] = {}
    for order, recipes in spec.commands.items():
        kept = [fit for recipe in recipes if (fit := _recipe(recipe, chain)) is not None]
        if kept:
            commands[order] = tuple(kept)
    return spec.model_copy(
        update={
            "points": tuple(p for p in spec.points if p.at is None or _has(chain, p.at)),
            "commands": commands,
        }
    )


def _recipe(recipe: RecipeSpec, chain: Chain) -> RecipeSpec | None:
    writes = tuple(
        write
        for write in recipe.writes
        if all(field.at is None or _has(chain, field.at) for field in write.fields)
    )
    return recipe.model_copy(update={"writes": writes}) if writes else None


def _has(chain: Chain, at: str) -> bool:
    try:
        chain.point(at)
    except ValueError:
        return False
    return True


def _rated_kw(chain: Chain, held: Mapping[int, int]) -> float | None:
    for name in ("702.WMax", "702.WMaxRtg"):
        if _has(chain, name) and _has(chain, "702.W_SF"):
            raw = held.get(chain.point(name).address, 0xFFFF)
            ten = TEN_TO.get(held.get(chain.point("702.W_SF").address, 0x8000))
            if raw != 0xFFFF and ten is not None:
                return raw * ten / 1000.0
    return None


def _text(chain: Chain, held: Mapping[int, int], at: str) -> str:
    if not _has(chain, at):
        return ""
    point = chain.point(at)
    return text_of([held.get(point.address + k, 0) for k in range(point.registers)])


def _model(model_id: int, address: int, words: Sequence[int]) -> Model:
    """A model as the device has it; without points when nobody published its definition."""
    found = definition(model_id)
    if found is None:
        return Model(model_id, address, len(words) - 2, {})
    counts: dict[str, int] = {}
    at = 0
    for point in found["group"]["points"]:
        if int(point["size"]) == 1 and at < len(words):
            counts[str(point["name"])] = words[at]
        at += int(point["size"])
    # A count beyond the model's own length is nonsense from the device.
    counts = {name: n if n <= len(words) else 0 for name, n in counts.items()}
    placed = place_model(model_id, address, counts)
    end = address + len(words)
    points = {name: p for name, p in placed.points.items() if p.address + p.registers <= end}
    return Model(model_id, address, len(words) - 2, points)


async def _find_base(link: Reader) -> int:
    found = None
    for base in BASE_ADDRESSES:
        answer = await link.read([(base, 2)])
        if answer is None:
            continue
        found = answer
        if answer[0] is not None and tuple(answer[0]) == MARK:
            return base
    if found is None:
        raise LinkError("the device does not answer; check its address, port and unit id")
    where = ", ".join(str(base) for base in BASE_ADDRESSES)
    raise LinkError(f"no 'SunS' at {where}; this is not a SunSpec device, give it another map")


async def _read(link: Reader, address: int, count: int, *, or_one: bool = False) -> list[int]:
    """Registers that must be there; ``or_one``: the end model may have no length register."""
    answer = await link.read([(address, count)])
    if answer is not None and answer[0] is None and or_one:
        answer = await link.read([(address, 1)])
        if answer is not None and answer[0] == [END_MODEL]:
            return [END_MODEL, 0]
    if answer is None or answer[0] is None:
        raise LinkError(f"the device does not give registers {address} to {address + count - 1}")
    return answer[0]


async def _read_long(link: Reader, address: int, count: int) -> list[int]:
    words: list[int] = []
    while len(words) < count:
        size = min(MAX_REGISTERS_PER_READ, count - len(words))
        words += await _read(link, address + len(words), size)
    return words
