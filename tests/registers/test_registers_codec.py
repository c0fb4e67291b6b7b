"""Every way of coding a value, against Python's own struct module."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from register_samples import map_of

from gridmuster.registers.schema import REGISTERS, PointType

LAYOUT = {
    "u16": ">H",
    "s16": ">h",
    "u32": ">I",
    "s32": ">i",
    "u64": ">Q",
    "s64": ">q",
    "f32": ">f",
    "f64": ">d",
}
WHOLE = [kind for kind in LAYOUT if not kind.startswith("f")]
ORDERS = st.sampled_from(["big", "little"])


def words(kind: str, order: str, value: float) -> list[int]:
    """Registers of a value by struct alone."""
    raw = struct.pack(LAYOUT[kind], value)
    found = [int.from_bytes(raw[k : k + 2], "big") for k in range(0, len(raw), 2)]
    return found[::-1] if order == "little" else found


def whole(kind: str) -> st.SearchStrategy[int]:
    bits = 16 * REGISTERS[PointType(kind)]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if kind[0] == "s" else (0, 2**bits - 1)
    return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0]))


@given(st.data(), st.sampled_from(WHOLE), ORDERS, st.integers(0, 300))
def test_whole_numbers_decode_as_struct_says(
    data: st.DataObject, kind: str, order: str, address: int
) -> None:
    raw = data.draw(whole(kind))
    found = map_of([{"name": "x", "address": address, "type": kind, "word_order": order}])
    assert found.blocks == ((address, REGISTERS[PointType(kind)]),)
    assert found.decode([words(kind, order, raw)]) == {"x": float(raw)}


@given(st.data(), st.sampled_from(WHOLE), ORDERS)
def test_whole_numbers_encode_as_struct_says(data: st.DataObject, kind: str, order: str) -> None:
    # Beyond 2^53 a float, which a canonical value is, no longer holds every whole number.
    raw = data.draw(whole(kind).filter(lambda v: abs(v) <= 2**53))
    found = map_of([{"name": "x", "address": 7, "type": kind, "word_order": order}])
    image = found.image({"x": float(raw)})
    assert image.read(7, REGISTERS[PointType(kind)]) == words(kind, order, raw)


@given(
    st.sampled_from(["f32", "f64"]),
    ORDERS,
    st.floats(width=32, allow_nan=False, allow_infinity=False),
)
def test_floats_both_ways(kind: str, order: str, value: float) -> None:
    found = map_of([{"name": "x", "address": 7, "type": kind, "word_order": order}])
    assert found.decode([words(kind, order, value)]) == {"x": value}
    assert found.image({"x": value}).read(7, REGISTERS[PointType(kind)]) == words(
        kind, order, value
    )


@given(
    st.data(),
    st.sampled_from(WHOLE),
    ORDERS,
    st.sampled_from([0.001, 0.1, 1.0, 10.0, -1.0, 1 / 3600]),
    st.sampled_from([0.0, -40.0, 17.5]),
)
def test_what_was_coded_comes_back_within_half_a_count(
    data: st.DataObject, kind: str, order: str, scale: float, offset: float
) -> None:
    raw = data.draw(whole(kind).filter(lambda v: abs(v) <= 2**50))
    value = (raw + data.draw(st.floats(-0.49, 0.49))) * scale + offset
    found = map_of(
        [
            {
                "name": "x",
                "address": 7,
                "type": kind,
                "word_order": order,
                "scale": scale,
                "offset": offset,
            }
        ]
    )
    image = found.image({"x": value})
    back = found.decode([image.read(*block) for block in found.blocks])["x"]
    assert abs(back - value) <= 0.501 * abs(scale) + 1e-9 * abs(value)


@given(st.sampled_from(WHOLE), ORDERS, st.sampled_from(["gencomm", "sunspec"]))
def test_a_missing_value_shows_a_sentinel_and_reads_as_absent(
    kind: str, order: str, preset: str
) -> None:
    found = map_of(
        [{"name": "x", "address": 7, "type": kind, "word_order": order}], sentinels=preset
    )
    image = found.image({})
    shown = image.read(7, REGISTERS[PointType(kind)])
    bits = 16 * REGISTERS[PointType(kind)]
    signed = kind.startswith("s")
    if preset == "sunspec":
        expected = -(2 ** (bits - 1)) if signed else 2**bits - 1
    else:
        expected = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    assert shown == words(kind, order, expected)
    assert found.decode([shown]) == {}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", LAYOUT)
def test_what_is_no_number_is_shown_as_missing(kind: str, value: float) -> None:
    found = map_of([{"name": "x", "address": 7, "type": kind}], sentinels="sunspec")
    image = found.image({"x": value})
    assert found.decode([image.read(*block) for block in found.blocks]) == {}


@given(st.integers(0, 7))
def test_each_of_the_eight_gencomm_codes_reads_as_absent(k: int) -> None:
    kinds = {"u16": 0xFFFF, "s16": 0x7FFF, "u32": 0xFFFF_FFFF, "s32": 0x7FFF_FFFF}
    for kind, top in kinds.items():
        found = map_of([{"name": "x", "address": 7, "type": kind}], sentinels="gencomm")
        assert found.decode([words(kind, "big", top - k)]) == {}
        assert found.decode([words(kind, "big", top - 8)]) == {"x": float(top - 8)}


def test_beyond_the_range_gencomm_says_so_and_others_hold_the_limit() -> None:
    point = {"name": "x", "address": 7, "type": "u16"}
    gencomm = map_of([point], sentinels="gencomm")
    assert gencomm.image({"x": 1e9}).read(7, 1) == [0xFFFE]
    assert gencomm.image({"x": -5.0}).read(7, 1) == [0xFFFD]
    plain = map_of([point], sentinels="sunspec")
    assert plain.image({"x": 1e9}).read(7, 1) == [0xFFFE]
    assert plain.image({"x": -5.0}).read(7, 1) == [0]


@given(st.integers(-10, 10), st.integers(-32_767, 32_767))
def test_scale_factors_are_read_from_the_device(power: int, raw: int) -> None:
    found = map_of(
        [
            {"name": "sf", "address": 3, "type": "s16", "constant": power, "poll": False},
            {"name": "x", "address": 1, "type": "s16", "scale_factor": "sf"},
        ]
    )
    assert found.blocks == ((1, 3),)
    decoded = found.decode([[raw & 0xFFFF, 0, power & 0xFFFF]])
    assert decoded["x"] == pytest.approx(raw * 10.0**power)


def test_an_impossible_scale_factor_makes_the_value_absent() -> None:
    found = map_of(
        [
            {"name": "sf", "address": 3, "type": "s16", "constant": 0, "poll": False},
            {"name": "x", "address": 1, "type": "s16", "scale_factor": "sf"},
        ]
    )
    assert found.decode([[5, 0, 0x8000]]) == {}
    assert found.decode([[5, 0, 11]]) == {}


@given(st.text(alphabet="abc XYZ-09é", max_size=20))
def test_texts_come_back(text: str) -> None:
    found = map_of(
        [{"name": "who", "address": 5, "type": "string", "length": 24, "constant": text}]
    )
    blocks = [found.image({}).read(*block) for block in found.blocks]
    assert found.texts(blocks) == {"who": text.rstrip()}
    assert found.decode(blocks) == {}


@given(st.integers(0, 0xFFFF))
def test_masked_fields_share_a_register(raw: int) -> None:
    found = map_of(
        [
            {"name": "low", "address": 2, "type": "bits", "mask": 0x00FF},
            {"name": "mid", "address": 2, "type": "bits", "mask": 0x0F00, "scale": 0.5},
            {
                "name": "top",
                "address": 2,
                "type": "enum",
                "mask": 0xF000,
                "values": {k: 100 + k for k in range(16)},
            },
        ]
    )
    decoded = found.decode([[raw]])
    assert decoded == {
        "low": raw & 0xFF,
        "mid": (raw >> 8 & 0xF) * 0.5,
        "top": 100 + (raw >> 12),
    }
    assert found.image(decoded).read(2, 1) == [raw]


@given(st.integers(0, 2**32 - 1))
def test_conditions_of_a_32_bit_field_are_found_in_either_word(raw: int) -> None:
    bits = [0, 7, 15, 16, 23, 31]
    found = map_of(
        [
            {
                "name": "alarm_bits",
                "bit": k,
                "address": 2,
                "type": "bits32",
                "mask": 1 << bit,
                "codes": {},
            }
            for k, bit in enumerate(bits)
        ]
    )
    high, low = raw >> 16, raw & 0xFFFF
    expected = sum(
        1 << k
        for k, bit in enumerate(bits)
        if raw >> bit & 1 and (high if bit > 15 else low) != 0xFFFF
    )
    decoded = found.decode([[high, low]])
    assert decoded.get("alarm_bits", 0.0) == expected


@given(st.data())
def test_the_short_cut_gives_what_the_registers_give(data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from(list(LAYOUT)), min_size=1, max_size=12))
    address, points = 0, []
    for k, kind in enumerate(kinds):
        address += data.draw(st.integers(0, 90))
        if address + 4 > 400:
            break
        points.append({"name": f"p{k}", "address": address, "type": kind})
        address += REGISTERS[PointType(kind)]
    if not points:
        points = [{"name": "p0", "address": 0, "type": "u16"}]
    found = map_of(points, sentinels=data.draw(st.sampled_from(["none", "gencomm", "sunspec"])))
    shown = {p["name"]: data.draw(st.floats(-1e6, 1e6)) for p in points}
    image = found.image(shown)
    blocks = [image.read(*block) for block in found.blocks]
    assert found.through(shown) == found.decode(blocks)
    assert all(count <= 125 for _, count in found.blocks)


def test_blocks_that_did_not_come_leave_their_points_out() -> None:
    found = map_of(
        [
            {"name": "a", "address": 0, "type": "u16"},
            {"name": "b", "address": 200, "type": "u16"},
        ]
    )
    assert found.blocks == ((0, 1), (200, 1))
    assert found.decode([[1], [2]]) == {"a": 1.0, "b": 2.0}
    assert found.decode([None, [2]]) == {"b": 2.0}
    assert found.decode([[1], []]) == {"a": 1.0}
    assert found.decode([[1]]) == {"a": 1.0}
    assert found.decode([None, None]) == {}
