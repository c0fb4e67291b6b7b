"""Finding the models of a SunSpec device whose layout nobody told us."""

import asyncio
from collections.abc import Sequence

import pytest
from register_samples import STORE

from gridmuster.errors import LinkError
from gridmuster.registers import load_map
from gridmuster.registers.discover import Discovered, discover
from gridmuster.registers.load import compile_map, load_spec
from gridmuster.registers.sunspec import build_chain, chain_words


class Memory:
    """A device that is nothing but registers."""

    def __init__(self, base: int, words: Sequence[int]) -> None:
        self.words = {base + k: word for k, word in enumerate(words)}
        self.silent = False

    async def read(self, blocks: Sequence[tuple[int, int]]) -> list[list[int] | None] | None:
        if self.silent:
            return None
        return [
            [self.words[a + k] for k in range(n)]
            if n <= 125 and all(a + k in self.words for k in range(n))
            else None
            for a, n in blocks
        ]

    def put(self, address: int, values: Sequence[int]) -> None:
        self.words.update((address + k, value) for k, value in enumerate(values))


def found(memory: Memory, name: str | None = None) -> Discovered:
    return asyncio.run(discover(memory, name))


def device(base: int, models: Sequence[int], counts: dict[str, int]) -> tuple[Memory, object]:
    """A storage device with its models in any order, its values put in by name."""
    chain = build_chain(base, models, counts)
    memory = Memory(base, chain_words(chain, counts))

    def put(at: str, *words: int) -> None:
        memory.put(chain.point(at).address, words)

    put("1.Mn", 0x4163, 0x6D65)  # "Acme"
    put("701.W_SF", 1)
    put("701.W", 0x10000 - 1215)
    put("701.InvSt", 3)
    put("701.Hz_SF", 0xFFFE)
    put("701.Hz", 0, 5999)
    put("702.W_SF", 2)
    put("702.WMax", 2500)
    put("704.WSet_SF", 1)
    put("713.WH_SF", 2)
    put("713.WHAvail", 8123)
    return memory, chain


@pytest.mark.parametrize("base", [0, 40_000, 50_000])
@pytest.mark.parametrize(
    "models", [(1, 701, 702, 703, 704, 713), (1, 713, 704, 703, 702, 705, 701)]
)
def test_points_are_found_wherever_they_lie(base: int, models: tuple[int, ...]) -> None:
    memory, chain = device(base, models, {"705.NPt": 7, "705.NCrv": 3})
    result = found(memory)
    assert [m.id for m in result.chain.models] == list(models)
    assert result.maker == ("Acme", "", "")
    assert result.rated_kw == 250.0
    assert result.register_map.name == "sunspec-store"
    blocks = asyncio.run(memory.read(result.register_map.blocks))
    assert blocks is not None
    back = result.register_map.decode(blocks)
    assert back["power_kw"] == pytest.approx(-12.15)
    assert back["frequency_hz"] == pytest.approx(59.99)
    assert back["energy_kwh"] == pytest.approx(812.3)
    assert back["state"] == 3.0
    assert "mode" not in back
    # The order honours the device's own scale factor: -100.5 kW is -10050 tens of watts.
    (write,) = result.register_map.writes("set_power_kw", -100.5)
    assert write.address == chain.point("704.WSetEna").address  # type: ignore[attr-defined]
    assert write.values == (1, 1, 0xFFFF, 0x10000 - 10_050)


def test_without_our_supplement_an_emergency_stop_is_the_stop_alone() -> None:
    memory, chain = device(40_000, (1, 701, 702, 703, 704, 713), {})
    known = found(memory).register_map
    (write,) = known.writes("emergency_stop", 1.0)
    assert write.address == chain.point("703.ES").address  # type: ignore[attr-defined]
    assert "reset" not in known.orders


def test_an_unknown_model_is_stepped_over() -> None:
    chain = build_chain(40_000, (1, 701), {})
    words = chain_words(chain, {})
    strange = [64_123, 3, 1, 2, 3]
    memory = Memory(40_000, [*words[:-2], *strange, 0xFFFF, 0])
    result = found(memory)
    assert [m.id for m in result.chain.models] == [1, 701, 64_123]


def test_an_end_without_a_length_is_an_end() -> None:
    words = chain_words(build_chain(40_000, (1, 701), {}), {})
    assert len(found(Memory(40_000, words[:-1])).chain.models) == 2


def test_a_meter_gets_the_meter_map() -> None:
    chain = build_chain(40_000, (1, 203), {})
    memory = Memory(40_000, chain_words(chain, {}))
    memory.put(chain.point("203.W_SF").address, [2])
    memory.put(chain.point("203.W").address, [876])
    known = found(memory).register_map
    blocks = asyncio.run(memory.read(known.blocks))
    assert blocks is not None
    assert known.decode(blocks)["power_kw"] == pytest.approx(87.6)


def test_our_own_twin_is_found_as_it_is() -> None:
    known = load_map("sunspec-store", {"rated_kw": 250.0, "energy_capacity_kwh": 1000.0})
    (segment,) = known.segments
    memory = Memory(segment[0], known.image(STORE).regs)
    again = found(memory)
    assert again.register_map.blocks == known.blocks
    blocks = asyncio.run(memory.read(known.blocks))
    assert blocks is not None
    assert again.register_map.decode(blocks) == known.decode(blocks)
    assert again.rated_kw == 250.0


def test_what_is_no_sunspec_device_is_said_to_be_none() -> None:
    with pytest.raises(LinkError, match="not a SunSpec device"):
        found(Memory(40_000, [1, 2, 3, 4]))
    silent = Memory(40_000, [])
    silent.silent = True
    with pytest.raises(LinkError, match="does not answer"):
        found(silent)


@pytest.mark.parametrize(
    "words",
    [
        [0x5375, 0x6E53, 1, 60_000],  # a model longer than any
        [0x5375, 0x6E53, 1, 66, 0],  # a model cut short
        [0x5375, 0x6E53, *[64_001, 0] * 100],  # no end
        [0x5375, 0x6E53],  # nothing after the mark
    ],
)
def test_a_broken_chain_is_an_error_not_a_hang(words: list[int]) -> None:
    with pytest.raises(LinkError):
        found(Memory(40_000, words))


def test_nonsense_counts_do_not_run_away() -> None:
    chain = build_chain(40_000, (1, 705), {"705.NPt": 1, "705.NCrv": 1})
    memory = Memory(40_000, chain_words(chain, {}))
    memory.put(chain.point("705.NPt").address, [60_000, 60_000])
    assert [m.id for m in found(memory).chain.models] == [1, 705]


def test_a_map_can_be_named() -> None:
    memory, _ = device(40_000, (1, 701, 702, 703, 704, 713), {})
    assert found(memory, "sunspec-der").register_map.name == "sunspec-der"
    spec = load_spec("sunspec-der")
    assert compile_map("sunspec-der", spec, {}).name == "sunspec-der"
