"""Decode and encode as straight-line Python, written once for each layout of registers.

A loop over points costs several times what the arithmetic does, and every device is decoded and
encoded in every cycle. So the loop is unrolled: one statement or two a point, with indexes in the
text and the device's own numbers (scales, sentinels) as names. The text holds nothing from a map
file but point names, which are letters, digits and underscores, and whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any

from gridmuster.registers.compiled import (
    FLOATS,
    MAX_MEMO,
    SIGNED,
    TEN_TO,
    AlarmWord,
    Point,
    pack_float,
    unpack_float,
)
from gridmuster.registers.schema import PointType

Names = dict[str, Any]
#: Index of DeviceState.FAULT in the point ``state``.
STATE_FAULT = 5.0
STATE_IDLE = 0.0


@lru_cache(maxsize=1024)
def _code(text: str) -> CodeType:
    return compile(text, "<register map>", "exec")


def build(lines: Sequence[str], names: Mapping[str, Any], function: str) -> Callable[..., Any]:
    """The function that the lines define.

    Args:
        lines: the text.
        names: what the names in it stand for.
        function: which function of it is wanted.
    """
    space: Names = dict(names)
    exec(_code("\n".join(lines)), space)
    made: Callable[..., Any] = space[function]
    return made


def read_number(point: Point, at: int, factor_at: int | None, tag: str, names: Names) -> list[str]:
    """Statements that put a number into ``out`` from the registers ``r``.

    Args:
        point: the point.
        at: where it starts in ``r``.
        factor_at: where its power of ten stands, None for none.
        tag: makes the names of this point unique.
        names: gets what the statements refer to.
    """
    bits = 16 * point.registers
    kind = point.type
    words = [f"r[{at + k}]" for k in range(point.registers)]
    if point.little:
        words.reverse()
    raw = "|".join(
        f"{word}<<{16 * (len(words) - 1 - k)}" if k < len(words) - 1 else word
        for k, word in enumerate(words)
    )
    names[f"s{tag}"] = point.scale
    value = "v"
    lines = [f"v={raw}"]
    tests = []
    if point.sentinels:
        names[f"x{tag}"] = point.sentinels[0]
        names[f"b{tag}"] = frozenset(point.sentinels)
        tests.append(f"v!=x{tag}" if len(point.sentinels) == 1 else f"v not in b{tag}")
    if kind in FLOATS:
        names["unpack_float"] = unpack_float
        names[f"k{tag}"] = kind
        lines.append(f"f=unpack_float(r[{at}:{at + point.registers}],k{tag},{point.little})")
        tests.append("f-f==0.0")
        value = "f"
    elif point.mask:
        value = f"((v&{point.mask})>>{point.shift})"
    elif kind in SIGNED:
        value = f"(v if v<{1 << bits - 1} else v-{1 << bits})"
    expression = f"{value}*s{tag}"
    if factor_at is not None:
        names["ten_to"] = TEN_TO
        lines.append(f"t=ten_to.get(r[{factor_at}])")
        tests.append("t is not None")
        expression += "*t"
    if point.offset:
        names[f"o{tag}"] = point.offset
        expression += f"+o{tag}"
    lines.append(
        f"{'if ' + ' and '.join(tests) + ': ' if tests else ''}out[{point.name!r}]={expression}"
    )
    return lines


def read_code(point: Point, at: int, tag: str, names: Names) -> list[str]:
    """Statements that look a code up and put what it stands for into ``out``."""
    names[f"c{tag}"] = dict(point.values)
    raw = f"(r[{at}]&{point.mask})>>{point.shift}" if point.mask else f"r[{at}]"
    if not point.mask and point.registers == 2:
        raw = f"r[{at}]<<16|r[{at + 1}]"
    return [f"c=c{tag}.get({raw})", f"if c is not None: out[{point.name!r}]=c"]


def read_alarms(points: Sequence[Point], at: int, tag: str, names: Names) -> list[str]:
    """Statements that add the alarms of one register to ``bits`` and ``trip``."""
    names[f"a{tag}"] = AlarmWord(points).read
    return [
        f"v=r[{at}]",
        "if v!=65535:",
        " seen=True",
        f" w=a{tag}(v); bits|=w[0]; trip=trip or w[1]",
    ]


def decoder(
    plans: Sequence[tuple[int, int, Sequence[Point]]],
) -> Callable[[Sequence[Sequence[int] | None]], dict[str, float]]:
    """The decode function of a map.

    Args:
        plans: (address, count, points) of each block.

    Returns:
        ``decode(blocks)``.
    """
    names: Names = {}
    lines = ["def decode(blocks):", " out={}", " bits=0; trip=False; seen=False"]
    for k, (start, count, points) in enumerate(plans):
        body: list[str] = []
        alarms: dict[int, list[Point]] = {}
        for n, point in enumerate(sorted(points, key=lambda p: p.address)):
            tag = f"{k}_{n}"
            at = point.address - start
            if point.codes is not None:
                alarms.setdefault(at, []).append(point)
            elif point.values:
                body += read_code(point, at, tag, names)
            elif point.type is not PointType.STRING:
                factor_at = None if point.factor is None else point.factor - start
                body += read_number(point, at, factor_at, tag, names)
        for n, (at, found) in enumerate(sorted(alarms.items())):
            body += read_alarms(found, at, f"{k}_{n}", names)
        lines += [f" r=blocks[{k}] if len(blocks)>{k} else None"]
        lines += [f" if r is not None and len(r)>={count}:"]
        lines += ["  " + line for line in body] or ["  pass"]
    lines += [
        " if seen:",
        "  out['alarm_bits']=float(bits|int(out.get('alarm_bits',0.0)))",
        f"  if trip and out.get('state',{STATE_IDLE})=={STATE_IDLE}: out['state']={STATE_FAULT}",
        " return out",
    ]
    made: Callable[[Sequence[Sequence[int] | None]], dict[str, float]]
    made = build(lines, names, "decode")
    return made


def write_number(point: Point, at: int, scale: float, tag: str, names: Names) -> list[str]:
    """Statements that code a number into the registers ``r``.

    Args:
        point: the point.
        at: where it starts in ``r``.
        scale: canonical units in one count.
        tag: makes the names of this point unique.
        names: gets what the statements refer to.
    """
    names[f"s{tag}"] = 1.0 / scale
    names[f"o{tag}"] = point.offset
    value = f"(v-o{tag})*s{tag}" if point.offset else f"v*s{tag}"
    blank = point.sentinels[0] if point.sentinels else 0
    size = point.registers
    if point.type in FLOATS:
        names["pack_float"] = pack_float
        names[f"k{tag}"] = point.type
        return [
            f"v=get({point.name!r})",
            f"if v is None or v-v!=0.0: {_put(at, size, str(blank), point.little)}",
            f"else: r[{at}:{at + size}]=pack_float({value},k{tag},{point.little})",
        ]
    if point.mask:
        low, high = 0, point.mask >> point.shift
    else:
        low, high = point.limits()
    over = high if point.over is None else point.over
    under = low if point.under is None else point.under
    full = (1 << 16 * size) - 1
    keep = ""
    if point.mask:
        keep = f"r[{at}]&{0xFFFF & ~point.mask}|"
    return [
        f"v=get({point.name!r})",
        f"if v is None or v-v!=0.0: n={blank if not point.mask else 0}",
        "else:",
        f" n=round({value})",
        f" if not {low}<=n<={high}: n={over & full} if n>{high} else {under & full}",
        f"r[{at}]={keep}n<<{point.shift}" if point.mask else _put(at, size, "n", point.little),
    ]


def _put(at: int, size: int, value: str, little: bool) -> str:
    order = range(size) if little else range(size - 1, -1, -1)
    return "; ".join(
        f"r[{at + k}]={value}>>{16 * shift}&65535" if shift else f"r[{at + k}]={value}&65535"
        for k, shift in zip(range(size), order, strict=True)
    )


def write_code(point: Point, at: int, tag: str, names: Names) -> list[str]:
    """Statements that put the code of a value into the registers ``r``."""
    table: dict[float, int] = {}
    for raw, value in point.values:
        table.setdefault(value, raw << point.shift)
    table.update((float(value), raw << point.shift) for value, raw in point.shown)
    names[f"c{tag}"] = table
    blank = point.sentinels[0] if point.sentinels and not point.mask else 0
    code = f"c{tag}.get(get({point.name!r}),{blank})"
    if point.mask:
        return [f"r[{at}]=r[{at}]&{0xFFFF & ~point.mask}|{code}"]
    if point.registers == 2:
        return [f"n={code}", _put(at, 2, "n", point.little)]
    return [f"r[{at}]={code}"]


def encoder(
    places: Sequence[tuple[int, Point, float]],
) -> Callable[[list[int], Mapping[str, float]], None]:
    """The encode function of a map.

    Args:
        places: where each point stands in the flat image, and canonical units in one count.

    Returns:
        ``update(regs, points)``; alarms are left to the caller.
    """
    names: Names = {}
    lines = ["def update(r,points):", " get=points.get"]
    for n, (at, point, scale) in enumerate(places):
        if point.values:
            made = write_code(point, at, str(n), names)
        else:
            made = write_number(point, at, scale, str(n), names)
        lines += [" " + line for line in made]
    return build(lines, names, "update")


def is_plain(point: Point) -> bool:
    """Whether a point is a number that has its registers for itself."""
    return not point.values and point.codes is None and not point.mask and not point.words


def passage(
    numbers: Sequence[tuple[Point, float]],
    others: Sequence[str],
    base_of: Callable[[tuple[float | None, ...]], dict[str, float]],
) -> Callable[[Mapping[str, float]], dict[str, float]]:
    """What a client reads when a controller shows some points, without making the registers.

    A number is rounded to counts and held within its type, which is all that registers do to it.
    Codes and alarms, which act on each other, take few different values: what becomes of them is
    worked out once through real registers and remembered.

    Args:
        numbers: the plain numbers that are polled, with the power of ten of each.
        others: names of the points that are no plain numbers.
        base_of: what a client reads when only these others are shown, by their values in order.

    Returns:
        ``through(points)``.
    """
    names: Names = {"memo": {}, "base_of": base_of, "most": MAX_MEMO}
    key = "".join(f"get({name!r})," for name in others)
    lines = [
        "def through(points):",
        " get=points.get",
        f" key=({key})",
        " base=memo.get(key)",
        " if base is None:",
        "  base=base_of(key)",
        "  if len(memo)<most: memo[key]=base",
        " out=base.copy()",
    ]
    for n, (point, ten) in enumerate(sorted(numbers, key=lambda pair: pair[0].address)):
        lines += [" " + line for line in _pass_number(point, ten, str(n), names)]
    made: Callable[[Mapping[str, float]], dict[str, float]]
    made = build([*lines, " return out"], names, "through")
    return made


def _pass_number(point: Point, ten: float, tag: str, names: Names) -> list[str]:
    names[f"s{tag}"], names[f"o{tag}"] = 1.0 / (point.scale * ten), point.offset
    names[f"d{tag}"], names[f"t{tag}"] = point.scale, ten
    coded = f"(v-o{tag})*s{tag}" if point.offset else f"v*s{tag}"
    read = f"*d{tag}" + (f"*t{tag}" if point.factor is not None else "")
    read += f"+o{tag}" if point.offset else ""
    lines = [f"v=get({point.name!r})", "if v is not None and v-v==0.0:"]
    if point.type in FLOATS:
        names["pack_float"], names["unpack_float"] = pack_float, unpack_float
        names[f"k{tag}"] = point.type
        lines.append(f" f=unpack_float(pack_float({coded},k{tag},False),k{tag},False)")
        return [*lines, f" out[{point.name!r}]=f{read}"]
    low, high = point.limits()
    names[f"b{tag}"] = frozenset(point.signed_sentinels())
    test = f"{low}<=n<={high}"
    if any(low <= code <= high for code in names[f"b{tag}"]):
        test += f" and n not in b{tag}"
    lines += [f" n=round({coded})", f" if {test}: out[{point.name!r}]=n{read}"]
    if point.over is None and point.under is None:
        lines.append(f" elif n<{low}: out[{point.name!r}]={low}{read}")
        lines.append(f" elif n>{high}: out[{point.name!r}]={high}{read}")
    if point.sentinels:
        lines.append(f" else: out.pop({point.name!r},None)")
    return lines
