"""From a validated map file to compiled points and recipes; every fault is collected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gridmuster.errors import Fault
from gridmuster.registers.commands import Field, Recipe
from gridmuster.registers.compiled import TEN_TO, Point, to_words, words_of
from gridmuster.registers.expression import evaluate, linear
from gridmuster.registers.schema import (
    REGISTERS,
    FieldSpec,
    MapFile,
    PointSpec,
    PointType,
    RecipeSpec,
    WriteSpec,
)
from gridmuster.registers.sunspec import UNIMPLEMENTED, Chain, ModelPoint, build_chain

#: GenComm codes from the top down: unimplemented, over range, under range, transducer fault, bad
#: data, high digital input, low digital input, reserved (dependencies.md; open GenComm drivers).
GENCOMM_CODES = 8
_SIGNED = (PointType.S16, PointType.S32)
_NO_SENTINEL = (PointType.STRING, PointType.BITS, PointType.BITS32)
#: Reads a scale factor that a real device holds, by address; None when it is not known.
FactorAt = Callable[[int], int | None]


@dataclass
class Resolver:
    """Turns one map file into points and recipes.

    Args:
        file: how to name the file in faults.
        spec: its content.
        parameters: the device's own numbers; defaults of the file fill the gaps.
        chain: the SunSpec chain to use; None builds the one that the file describes.
        factor_at: scale factors of a real device; None takes those of the file.
    """

    file: str
    spec: MapFile
    parameters: Mapping[str, float]
    chain: Chain | None = None
    factor_at: FactorAt | None = None
    faults: list[Fault] = field(default_factory=list)
    names: dict[str, float] = field(default_factory=dict)
    factors: dict[int, int] = field(default_factory=dict)
    #: Registers of the fields whose conditions the map knows.
    conditions: set[int] = field(default_factory=set)

    def points(self) -> list[Point]:
        """All points, in the file's order; faults are noted, not raised."""
        self._prepare()
        found: list[Point] = []
        for k, spec in enumerate(self.spec.points):
            try:
                found.append(self._point(spec))
            except ValueError as error:
                self._fault(f"points[{k}]", spec.name, str(error))
        return found

    def recipes(self) -> dict[str, list[Recipe]]:
        """All recipes by order; call after `points`."""
        found: dict[str, list[Recipe]] = {}
        for order, specs in self.spec.commands.items():
            for k, spec in enumerate(specs):
                try:
                    found.setdefault(order, []).append(self._recipe(order, spec))
                except ValueError as error:
                    self._fault(f"commands.{order}[{k}]", order, str(error))
        return found

    def _prepare(self) -> None:
        unknown = sorted(set(self.parameters) - set(self.spec.parameters))
        for name in unknown:
            known = ", ".join(sorted(self.spec.parameters)) or "none"
            self._fault(f"parameters.{name}", name, f"the map has: {known}")
        self.names = {name: spec.default for name, spec in self.spec.parameters.items()}
        self.names |= {k: float(v) for k, v in self.parameters.items() if k not in unknown}
        sunspec = self.spec.sunspec
        if sunspec is not None and self.chain is None:
            try:
                self.chain = build_chain(sunspec.base, sunspec.models, sunspec.counts)
            except ValueError as error:
                self._fault("sunspec", str(sunspec.models), str(error))

    def _fault(self, path: str, value: str, limit: str) -> None:
        self.faults.append(Fault(self.file, path, value, limit, "see docs/register-maps.md"))

    def _model_point(self, at: str) -> ModelPoint:
        if self.chain is None:
            raise ValueError(f"{at!r} needs a sunspec chain")
        return self.chain.point(at)

    def _factor_point(self, at: str, found: ModelPoint) -> int | None:
        """Address of the power of ten of a SunSpec point; None when it has none."""
        if not isinstance(found.scale_factor, str):
            return None
        return self._model_point(f"{at.partition('.')[0]}.{found.scale_factor}").address

    def _point(self, spec: PointSpec) -> Point:
        fixed = 1.0
        if spec.at is None:
            kind = spec.type or PointType.U16
            address, registers = spec.address or 0, spec.length or REGISTERS.get(kind, 1)
            factor = self._named_factor(spec)
            sentinels = self._sentinels(spec, kind)
        else:
            found = self._model_point(spec.at)
            if found.type is None:
                raise ValueError(f"{spec.at} is a {found.kind}, which no point may be")
            kind, address, registers = found.type, found.address, found.registers
            factor = self._factor_point(spec.at, found)
            fixed = _fixed_factor(found)
            blank = UNIMPLEMENTED.get(found.kind)
            sentinels = spec.sentinels if spec.sentinels is not None else _raw(blank)
        if spec.codes is not None:
            self.conditions.update(range(address, address + registers))
        mask = spec.mask or 0
        if mask and registers == 2:
            # One word is enough: the conditions of a 32-bit field are told apart by their mask.
            high = mask > 0xFFFF
            mask, address, registers = (mask >> 16 if high else mask), address + (not high), 1
            sentinels = ()
        over, under = self._range_codes(spec, sentinels)
        return Point(
            name=spec.name,
            address=address,
            registers=registers,
            type=PointType.BITS if mask else kind,
            little=(spec.word_order or self.spec.word_order) == "little",
            mask=mask,
            scale=_not_zero(evaluate(spec.scale, self.names)) * fixed,
            offset=evaluate(spec.offset, self.names),
            factor=factor,
            sentinels=sentinels,
            over=over,
            under=under,
            values=tuple((spec.values or {}).items()),
            shown=tuple(spec.shown.items()),
            bit=spec.bit,
            codes=spec.codes,
            words=self._constant(spec, address, registers, kind, factor),
            poll=spec.poll,
            unit=spec.unit,
            verified=spec.verified,
            source=spec.source or self.spec.source,
            note=spec.note,
        )

    def _named_factor(self, spec: PointSpec) -> int | None:
        if spec.scale_factor is None:
            return None
        for other in self.spec.points:
            if other.name == spec.scale_factor and other.address is not None:
                return other.address
        raise ValueError(f"no point {spec.scale_factor!r} with an address for its scale factor")

    def _sentinels(self, spec: PointSpec, kind: PointType) -> tuple[int, ...]:
        if spec.sentinels is not None:
            return spec.sentinels
        if self.spec.sentinels == "none" or kind in _NO_SENTINEL:
            return ()
        bits = 16 * REGISTERS[kind]
        if kind in (PointType.F32, PointType.F64):
            return (0x7FC0 << 16,) if kind is PointType.F32 else (0x7FF8 << 48,)
        if self.spec.sentinels == "sunspec":
            return (1 << bits - 1,) if kind.value.startswith("s") else ((1 << bits) - 1,)
        top = (1 << bits - 1) - 1 if kind in (*_SIGNED, PointType.S64) else (1 << bits) - 1
        return tuple(top - k for k in range(GENCOMM_CODES))

    def _range_codes(
        self, spec: PointSpec, sentinels: tuple[int, ...]
    ) -> tuple[int | None, int | None]:
        """GenComm has codes for over and under range; elsewhere the value is held at its limit."""
        if self.spec.sentinels == "gencomm" and spec.at is None and len(sentinels) > 2:
            return sentinels[1], sentinels[2]
        return None, None

    def _constant(
        self, spec: PointSpec, address: int, registers: int, kind: PointType, factor: int | None
    ) -> tuple[int, ...]:
        if spec.fit is not None:
            raw = self._fitting(spec)
            self.factors[address] = raw
            return to_words(raw, registers, False)
        if spec.constant is None:
            return ()
        if kind is PointType.STRING:
            return words_of(str(spec.constant), registers)
        scale = evaluate(spec.scale, self.names)
        value = (evaluate(spec.constant, self.names) - evaluate(spec.offset, self.names)) / scale
        if factor is not None:
            value /= TEN_TO[self.factors.get(factor, 0) & 0xFFFF]
        if not spec.scale_factor and kind is PointType.S16 and spec.name.endswith("_sf"):
            self.factors[address] = round(value)
        little = (spec.word_order or self.spec.word_order) == "little"
        return to_words(round(value), registers, little)

    def _fitting(self, spec: PointSpec) -> int:
        """Smallest power of ten with which the greatest magnitude fits the type."""
        most = abs(evaluate(spec.fit or 0.0, self.names))
        room = {PointType.S16: 32_767, PointType.U16: 65_534}.get(spec.fit_type, 2_000_000_000)
        for power in range(-3, 11):
            if most / 10.0**power <= room:
                return power
        raise ValueError(f"{most} does not fit {spec.fit_type} with any scale factor")

    def _recipe(self, order: str, spec: RecipeSpec) -> Recipe:
        return Recipe(
            order=order,
            writes=tuple(self._write(write) for write in spec.writes),
            atomic=spec.atomic,
            only_if=tuple(spec.only_if.items()),
            gives=1.0 if spec.gives is None else evaluate(spec.gives, self.names),
            driver=evaluate(spec.driver, self.names) != 0.0,
        )

    def _write(self, spec: WriteSpec) -> tuple[Field, ...]:
        fields: list[Field] = []
        address = spec.address
        for part in spec.fields:
            made = self._field(part, address)
            if address is not None and made.address != address:
                raise ValueError(f"{part.at} is at {made.address}, not next at {address}")
            fields.append(made)
            address = made.address + made.registers
        return tuple(fields)

    def _field(self, spec: FieldSpec, address: int | None) -> Field:
        gain, offset = linear(spec.value, self.names)
        kind, ten = spec.type, 1.0
        if spec.at is not None:
            found = self._model_point(spec.at)
            if found.type is None:
                raise ValueError(f"{spec.at} is a {found.kind}, which cannot be written")
            kind, address = found.type, found.address
            factor = self._factor_point(spec.at, found)
            if factor is not None:
                ten = TEN_TO.get(self._factor(factor) & 0xFFFF, 1.0)
            ten *= _fixed_factor(found)
        if address is None:
            raise ValueError("a write needs an address, or fields with at")
        return Field(address, REGISTERS[kind], kind, gain, offset, ten, spec.low, spec.high)

    def _factor(self, address: int) -> int:
        if self.factor_at is not None:
            told = self.factor_at(address)
            if told is not None:
                return told
        return self.factors.get(address, 0)


def _raw(words: tuple[int, ...] | None) -> tuple[int, ...]:
    if words is None:
        return ()
    raw = 0
    for word in words:
        raw = raw << 16 | word
    return (raw,)


def _fixed_factor(point: ModelPoint) -> float:
    """A power of ten that the model itself fixes; 1 when it leaves that to a point."""
    return 10.0**point.scale_factor if isinstance(point.scale_factor, int) else 1.0


def _not_zero(scale: float) -> float:
    if scale == 0.0:
        raise ValueError("scale is 0")
    return scale
