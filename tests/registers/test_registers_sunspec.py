"""SunSpec: our layout and images against pysunspec2's own models and decoder."""

from pathlib import Path

import pytest
import sunspec2.device
from register_samples import GENSET, SAMPLES, STORE

import gridmuster.registers
from gridmuster.registers import load_map
from gridmuster.registers.load import load_spec
from gridmuster.registers.register_map import RegisterMap
from gridmuster.registers.sunspec import build_chain, chain_words, place_model

OURS = Path(gridmuster.registers.__file__).parent / "maps"
DER_MODELS = (1, *range(701, 715), 64950)


@pytest.fixture(autouse=True)
def know_our_model() -> None:
    """Let pysunspec2 find the supplement beside its own models."""
    sunspec2.device.set_model_defs_path([".", sunspec2.device.models_dir, str(OURS)])


def image_bytes(found: RegisterMap, points: dict[str, float], base: int, end: int) -> bytes:
    image = found.image(points)
    words: list[int] = []
    for address in range(base, end, 100):
        part = image.read(address, min(100, end - address))
        assert part is not None
        words += part
    return b"".join(word.to_bytes(2, "big") for word in words)


def oracle_models(data: bytes, base: int) -> dict[int, sunspec2.device.Model]:
    """Models that pysunspec2 decodes from a whole image, by id."""
    assert data[:4] == b"SunS"
    found: dict[int, sunspec2.device.Model] = {}
    at = 4
    while (model_id := int.from_bytes(data[at : at + 2], "big")) != 0xFFFF:
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at : at + 4 + 2 * length]
        found[model_id] = sunspec2.device.Model(model_id=model_id, data=body, model_len=length)
        assert found[model_id].error_info == ""
        at += 4 + 2 * length
    assert data[at:] == b"\xff\xff\x00\x00"
    return found


def walk(group: sunspec2.device.Group, prefix: str = "") -> dict[str, tuple[int, int]]:
    """Offset and length of every point of an oracle's model, by our names."""
    found = {prefix + name: (p.offset, p.len) for name, p in group.points.items()}
    for name, inner in group.groups.items():
        several = isinstance(inner, list)
        for k, one in enumerate(inner if several else [inner]):
            label = f"{prefix}{name}{f'[{k}]' if several else ''}."
            found |= walk(one, label)
    return found


@pytest.mark.parametrize("name", ["sunspec-der", "sunspec-store", "meter-sunspec"])
def test_every_point_lies_where_pysunspec2_puts_it(name: str) -> None:
    spec = load_spec(name).sunspec
    assert spec is not None
    chain = build_chain(spec.base, spec.models, spec.counts)
    data = b"".join(w.to_bytes(2, "big") for w in chain_words(chain, spec.counts))
    oracle = oracle_models(data, spec.base)
    assert tuple(oracle) == spec.models
    for model in chain.models:
        theirs = walk(oracle[model.id])
        ours = {p.name: (p.address - model.address, p.registers) for p in model.points.values()}
        assert ours == theirs
        assert oracle[model.id].len == model.length + 2


def test_all_of_701_to_714_are_there() -> None:
    spec = load_spec("sunspec-der").sunspec
    assert spec is not None
    assert spec.models == DER_MODELS
    assert spec.base == 40000


def test_pysunspec2_reads_the_generator_we_show() -> None:
    found = load_map("sunspec-der", SAMPLES["sunspec-der"][0])
    shown = GENSET | {"alarm_bits": 8.0}
    models = oracle_models(image_bytes(found, shown, 40000, 40000 + _size(found)), 40000)
    ac = models[701].points
    assert ac["W"].cvalue == pytest.approx(321_500)
    assert ac["Hz"].cvalue == pytest.approx(60.0)
    assert ac["LLV"].cvalue == pytest.approx(480.0)
    assert ac["TotWhInj"].cvalue == pytest.approx(123_456_700)
    assert ac["TotWhAbs"].value is None
    assert (ac["InvSt"].value, ac["St"].value, ac["ConnSt"].value) == (3, 1, 1)
    assert ac["Alrm"].value == 1 << 7
    assert models[702].points["WMaxRtg"].cvalue == pytest.approx(500_000)
    assert models[703].points["ES"].value == 1
    ours = models[64950].points
    assert ours["Mode"].value == 2
    assert ours["FuelLvl"].cvalue == pytest.approx(1500.0)
    assert ours["RunTms"].value == 3_601_800
    assert models[1].points["Mn"].value == "Gridmuster"
    # What nobody implements reads as such.
    assert ac["VA"].value is None
    assert models[713].points["WHAvail"].value is None
    assert models[704].points["WSet"].value is None


def test_pysunspec2_reads_the_store_we_show() -> None:
    found = load_map("sunspec-store", SAMPLES["sunspec-store"][0])
    models = oracle_models(image_bytes(found, STORE, 40000, 40000 + _size(found)), 40000)
    store = models[713].points
    assert store["WHRtg"].cvalue == pytest.approx(1_000_000)
    assert store["WHAvail"].cvalue == pytest.approx(812_300)
    assert store["SoC"].cvalue == pytest.approx(81.2, abs=0.06)
    assert models[701].points["W"].cvalue == pytest.approx(-121_500)
    assert models[702].points["WChaRteMaxRtg"].cvalue == pytest.approx(250_000)


@pytest.mark.parametrize(
    ("rated_kw", "power_kw"), [(0.5, 0.5), (3.0, -1.234), (250.0, 3.1), (10_000.0, 9_999.0)]
)
def test_the_scale_factor_suits_the_rating(rated_kw: float, power_kw: float) -> None:
    found = load_map("sunspec-der", {"rated_kw": rated_kw})
    shown = {"power_kw": power_kw, "state": 3.0}
    models = oracle_models(image_bytes(found, shown, 40000, 40000 + _size(found)), 40000)
    # 16 bits and a power of ten: never coarser than 1/2,500 of the rating.
    coarse_w = max(rated_kw / 2500.0 * 1000.0, 0.001)
    assert models[701].points["W"].cvalue == pytest.approx(power_kw * 1000.0, abs=coarse_w)


def test_a_repetition_that_nobody_gave_is_refused() -> None:
    with pytest.raises(ValueError, match="NPt"):
        place_model(705, 40000, {"NCrv": 1})
    with pytest.raises(ValueError, match="no definition of SunSpec model 12345"):
        build_chain(40000, [1, 12345], {})


def _size(found: RegisterMap) -> int:
    (segment,) = found.segments
    assert segment[0] == 40000
    return segment[1]
