"""The map file: what a register map in YAML may say, as validated models.

One file describes one family of controllers: its points (where a value lies and how it is coded)
and its commands (what is written to give an order). The same file serves the driver, which reads
points and writes commands, and the simulated controller, which does the reverse.
`docs/register-maps.md` explains the format with examples.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_REGISTERS_PER_READ = 125
MAX_REGISTERS_PER_WRITE = 123
Expression = float | str


class Part(BaseModel):
    """Base of every part of a map file: frozen, no unknown fields, no not-a-number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PointType(StrEnum):
    """How a value is coded in registers of 16 bits."""

    U16 = "u16"
    S16 = "s16"
    U32 = "u32"
    S32 = "s32"
    U64 = "u64"
    S64 = "s64"
    F32 = "f32"
    F64 = "f64"
    ENUM = "enum"
    BITS = "bits"
    BITS32 = "bits32"
    STRING = "string"


#: Registers that one value of each type takes (a string says its own length).
REGISTERS = {
    PointType.U16: 1,
    PointType.S16: 1,
    PointType.U32: 2,
    PointType.S32: 2,
    PointType.U64: 4,
    PointType.S64: 4,
    PointType.F32: 2,
    PointType.F64: 4,
    PointType.ENUM: 1,
    PointType.BITS: 1,
    PointType.BITS32: 2,
}


class Family(StrEnum):
    """Which driver turns the map's points into readings."""

    GENSET = "genset"
    INVERTER = "inverter"
    STORE = "store"
    PANEL = "panel"
    METER = "meter"
    SWITCHGEAR = "switchgear"


class AlarmCodes(Part):
    """How one alarm condition is coded in its field."""

    active: tuple[int, ...] = Field(default=(1,), description="codes: the alarm is active")
    trip: tuple[int, ...] = Field(default=(), description="codes: and it has stopped the device")
    clear: int = Field(default=0, ge=0, description="code the twin shows when not active")
    raised: int = Field(default=1, ge=0, description="code it shows when active")
    tripped: int = Field(default=1, ge=0, description="code it shows when the device is in fault")


class Parameter(Part):
    """Something of the device that the registers do not say, like its rating."""

    default: float = Field(description="used when the site does not say")
    unit: str = Field("", description="unit, like kW")
    text: str = Field("", description="what it is")


class PointSpec(Part):
    """One value of the controller.

    ``canonical value = raw * scale * 10^scale_factor + offset``. A name may come more than once
    (a state that is told in two places): what has the higher address wins.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="canonical or local name")
    address: int | None = Field(None, ge=0, le=65_535, description="first register, from 0")
    at: str | None = Field(None, description="SunSpec model and point, like 701.W")
    type: PointType | None = Field(None, description="needed with address")
    length: int | None = Field(None, ge=1, le=64, description="registers of a string")
    word_order: Literal["big", "little"] | None = Field(
        None, description="which word of a longer value comes first; None: as the map says"
    )
    mask: int | None = Field(None, ge=1, le=0xFFFF_FFFF, description="the bits that hold it")
    scale: Expression = Field(1.0, description="canonical units in one count, or an expression")
    offset: Expression = Field(0.0, description="canonical value of raw 0")
    scale_factor: str | None = Field(
        None, description="name of the point that holds the power of ten; from the model with at"
    )
    sentinels: tuple[int, ...] | None = Field(
        None, description="raw codes that mean: not available; None: as the map says"
    )
    values: dict[int, float] | None = Field(
        None, description="raw code to canonical value; others are not available"
    )
    shown: dict[int, int] = Field(
        {}, description="canonical value to the code the twin shows, where values has none for it"
    )
    bit: int | None = Field(None, ge=0, le=31, description="bit of alarm_bits that it feeds")
    codes: AlarmCodes | None = Field(None, description="how the alarm is coded in its field")
    constant: Expression | str | None = Field(
        None, description="what the simulated controller always shows"
    )
    fit: Expression | None = Field(
        None, description="greatest magnitude: the simulated controller picks a scale factor"
    )
    fit_type: PointType = Field(PointType.S16, description="type that fit must fit into")
    poll: bool = Field(True, description="whether the gateway reads it at every scan")
    unit: str = Field("", description="unit of the canonical value")
    verified: bool = Field(True, description="whether a public source says so")
    source: str = Field("", description="who says so")
    note: str = Field("", description="what to know; needed when not verified")

    @model_validator(mode="after")
    def _is_whole(self) -> PointSpec:
        if (self.address is None) == (self.at is None):
            raise ValueError("give either address (with type) or at")
        if self.address is not None and self.type is None:
            raise ValueError("an address needs a type")
        if self.type is PointType.STRING and self.address is not None and self.length is None:
            raise ValueError("a string needs a length")
        if self.type is PointType.ENUM and self.values is None and self.constant is None:
            raise ValueError("an enum needs values")
        if not self.verified and not self.note:
            raise ValueError("say in note why it is not verified")
        return self


class FieldSpec(Part):
    """One value inside a write; what it holds may depend on the order's value, linearly."""

    value: Expression = Field(description="what is written, in the register's unit before coding")
    at: str | None = Field(None, description="SunSpec model and point, like 704.WSet")
    type: PointType = Field(PointType.U16, description="how it is coded; from the model with at")
    low: float | None = Field(None, description="least that may be written")
    high: float | None = Field(None, description="most that may be written")


class WriteSpec(Part):
    """Fields that lie one after the other and go out in one write of several registers."""

    address: int | None = Field(None, ge=0, le=65_535, description="first register; None with at")
    fields: tuple[FieldSpec, ...] = Field(
        min_length=1, max_length=MAX_REGISTERS_PER_WRITE, description="values, one after the other"
    )


class RecipeSpec(Part):
    """One way of giving an order; the simulated controller obeys it at its first write."""

    writes: tuple[WriteSpec, ...] = Field(
        min_length=1, max_length=8, description="one request each, sent in this order"
    )
    atomic: bool = Field(False, description="each write must come whole, or it is refused")
    only_if: dict[str, float] = Field({}, description="points that must be so, or it is refused")
    gives: Expression | None = Field(None, description="value of the order when no field says it")
    driver: Expression = Field(
        1.0, description="0: the driver leaves it alone, only the simulated controller obeys it"
    )
    verified: bool = Field(True, description="whether a public source says so")
    source: str = Field("", description="who says so")
    note: str = Field("", description="what to know")


class Segment(Part):
    """Registers that can be read; what no point fills holds the filler."""

    address: int = Field(ge=0, le=65_535)
    count: int = Field(ge=1, le=65_536)


class SunSpecSpec(Part):
    """A chain of SunSpec models; offsets come from the models' own definitions."""

    base: int = Field(40_000, ge=0, le=65_000, description="where 'SunS' stands")
    models: tuple[int, ...] = Field(min_length=1, description="model ids in their order")
    counts: dict[str, int] = Field({}, description="repetitions, like 705.NPt: 4")


class MapFile(Part):
    """One file: a register map."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="how the map is called")
    title: str = Field("", description="which controllers it is for")
    family: Family = Field(description="genset, inverter, store, panel, meter or switchgear")
    source: str = Field("", description="who says so, where a point does not say it")
    parameters: dict[str, Parameter] = Field(
        {}, description="numbers of the device that its registers do not tell, with defaults"
    )
    word_order: Literal["big", "little"] = Field("big", description="of values of several words")
    sentinels: Literal["none", "gencomm", "sunspec"] = Field(
        "none", description="which codes mean: not available"
    )
    filler: int = Field(0xFFFF, ge=0, le=0xFFFF, description="what an unused register reads")
    gap: int = Field(64, ge=0, le=MAX_REGISTERS_PER_READ, description="gap worth reading over")
    readable: tuple[Segment, ...] = Field((), description="runs of registers: address, count")
    sunspec: SunSpecSpec | None = Field(
        None, description="chain of models: base, models, counts of their repetitions"
    )
    points: tuple[PointSpec, ...] = Field((), description="the values")
    commands: dict[str, tuple[RecipeSpec, ...]] = Field({}, description="recipes by order")

    @model_validator(mode="after")
    def _has_room(self) -> MapFile:
        if not self.readable and self.sunspec is None:
            raise ValueError("give readable segments or a sunspec chain")
        return self


def json_schema() -> dict[str, Any]:
    """JSON Schema of a map file, for editors and for the docs."""
    return MapFile.model_json_schema()
