"""Vector code for one row: the affine map and cast of ``Map``, in the narrowest words the proof allows."""

from __future__ import annotations

from l1forge.emulator.graph.fixed import Overflow, Rounding
from l1forge.emulator.kernel.intervals import Cast
from l1forge.emulator.kernel.native.vectors import Row, Writer, splat, vector

WIDTHS = (8, 16, 32, 64)


def width_for(low: int, high: int) -> tuple[int, bool]:
    """Narrowest storage of ``low .. high`` and whether it is signed; only bytes may be unsigned."""
    if low >= 0 and high <= 255:
        return 8, False
    for width in WIDTHS:
        if -(1 << (width - 1)) <= low and high < 1 << (width - 1):
            return width, True
    raise ValueError(f"{low} .. {high} needs more than 64 bits")


def signed_width(low: int, high: int, least: int = 16) -> int:
    """Narrowest signed word of at least ``least`` bits."""
    for width in WIDTHS:
        if width >= least and -(1 << (width - 1)) <= low and high < 1 << (width - 1):
            return width
    raise ValueError(f"{low} .. {high} needs more than 64 bits")


def rounding_offsets(shift: int, rounding: Rounding) -> tuple[int, int]:
    """Bounds of what rounding adds before the shift."""
    half = 1 << (shift - 1)
    if rounding is Rounding.TRN:
        return 0, 0
    if rounding is Rounding.TRN_ZERO:
        return 0, (1 << shift) - 1
    if rounding is Rounding.RND_MIN_INF:
        return half - 1, half - 1
    return half - 1, half


def _round(writer: Writer, width: int, a: str, cast: Cast, saturating: bool) -> str:
    shift, rounding = cast.shift, cast.rounding
    add = "sadd.sat" if saturating else None
    half = 1 << (shift - 1)

    def plus(x: str, y: str) -> str:
        return writer.intrinsic(add, width, x, y) if add else writer.binary("add", width, x, y)

    amount, t = splat(width, shift), a
    if rounding is Rounding.RND:
        t = plus(t, splat(width, half))
    elif rounding is Rounding.RND_MIN_INF:
        t = plus(t, splat(width, half - 1)) if half > 1 else t
    elif rounding is Rounding.RND_CONV:
        odd = writer.binary("and", width, writer.binary("lshr", width, a, amount), splat(width, 1))
        t = plus(t, writer.binary("add", width, odd, splat(width, half - 1)) if half > 1 else odd)
    elif rounding is not Rounding.TRN:
        sign = writer.binary("ashr", width, a, splat(width, width - 1))
        if rounding is Rounding.TRN_ZERO:
            t = plus(t, writer.binary("and", width, sign, splat(width, (1 << shift) - 1)))
        elif rounding is Rounding.RND_INF:
            t = plus(t, writer.binary("add", width, sign, splat(width, half)))
        else:
            t = plus(t, writer.binary("sub", width, splat(width, half - 1), sign))
    return writer.binary("ashr", width, t, amount)


def _overflow(writer: Writer, width: int, t: str, cast: Cast, low: int, high: int) -> str:
    """``low .. high`` are the proven bounds of ``t``."""
    if cast.overflow is Overflow.SAT:
        if high > cast.high:
            t = writer.intrinsic("smin", width, t, splat(width, cast.high))
        if low < cast.low:
            t = writer.intrinsic("smax", width, t, splat(width, cast.low))
    elif cast.overflow is Overflow.WRAP:
        if not cast.signed:
            t = writer.binary("and", width, t, splat(width, (1 << cast.width) - 1))
        elif cast.width < width:
            amount = splat(width, width - cast.width)
            t = writer.binary("ashr", width, writer.binary("shl", width, t, amount), amount)
    elif cast.overflow is Overflow.SAT_ZERO:
        moved = writer.binary("sub", width, t, splat(width, cast.low)) if cast.low else t
        inside = writer.do(f"icmp ule {vector(width)} {moved}, {splat(width, cast.high - cast.low)}")
        t = writer.do(
            f"select <{512 // width} x i1> {inside}, {vector(width)} {t}, {vector(width)} zeroinitializer"
        )
    return t


def _saturates_early(cast: Cast) -> bool:
    """Clipping to 16 bits before the cast changes nothing: the ends already lie outside the result."""
    return (
        cast.overflow is Overflow.SAT
        and 0 < cast.shift < 15
        and 32767 >> cast.shift >= cast.high
        and (-32768 >> cast.shift) + 1 <= cast.low
    )


def map_row(
    writer: Writer,
    row: Row,
    width: int,
    bounds: tuple[int, int],
    multiplier: int,
    offset: int,
    relu: bool,
    cast: Cast,
    signed: bool = True,
) -> tuple[Row, int, tuple[int, int]]:
    """``cast(relu?(row * multiplier + offset))``; copies, and bytes shifted within a byte, stay narrow.

    Parameters
    ----------
    bounds
        Proven smallest and largest value of ``row``.

    Returns
    -------
    The row, its word width, and the bounds of its values.
    """
    low, high = bounds
    if offset == 0 and cast.is_copy and (not relu or low >= 0):
        if multiplier == 1:
            return row, width, bounds
        power = multiplier > 0 and multiplier & (multiplier - 1) == 0
        if width == 8 and power and low >= 0 and high * multiplier <= 255:
            amount = splat(8, multiplier.bit_length() - 1)
            shifted = [writer.binary("shl", 8, v, amount) for v in row]
            return shifted, 8, (low * multiplier, high * multiplier)
    return _affine_row(writer, row, width, bounds, multiplier, offset, relu, cast, signed)


def _affine_row(
    writer: Writer,
    row: Row,
    width: int,
    bounds: tuple[int, int],
    multiplier: int,
    offset: int,
    relu: bool,
    cast: Cast,
    signed: bool,
) -> tuple[Row, int, tuple[int, int]]:
    """``map_row`` with arithmetic, in the narrowest words of 16 bits or more that hold every step."""
    low, high = bounds
    early = False
    plain = multiplier == 1 and offset == 0
    if plain and width == 32 and _saturates_early(cast) and signed_width(low, high) == 32:
        row, width, early = writer.narrow(row, 32, 16), 16, True
        low, high = max(low, -32768), min(high, 32767)
    ends = (low * multiplier + offset, high * multiplier + offset)
    before = (min(ends), max(ends))
    needed = [
        low,
        high,
        *before,
        multiplier,
        offset,
        low * multiplier,
        high * multiplier,
    ]
    if cast.shift < 0:
        needed += [before[0] << -cast.shift, before[1] << -cast.shift]
    rounded = before
    if cast.shift > 0:
        extra = rounding_offsets(cast.shift, cast.rounding)
        if not early:
            needed += [before[0] + min(extra[0], 0), before[1] + extra[1], extra[1], 1 << cast.shift]
        rounded = ((before[0] + extra[0]) >> cast.shift, (before[1] + extra[1]) >> cast.shift)
    elif cast.shift < 0:
        rounded = (before[0] << -cast.shift, before[1] << -cast.shift)
    if cast.overflow is not None:
        needed += [cast.low, cast.high] if cast.overflow is not Overflow.WRAP else [(1 << cast.width - 1) - 1]
        if cast.overflow is Overflow.WRAP and not cast.signed:
            needed.append((1 << cast.width) - 1)
        if cast.overflow is Overflow.SAT_ZERO:
            needed += [rounded[0] - cast.low, rounded[1] - cast.low, cast.high - cast.low]
    final = (
        (max(rounded[0], cast.low), min(rounded[1], cast.high))
        if cast.overflow is Overflow.SAT
        else (cast.low, cast.high)
        if cast.overflow is not None
        else rounded
    )
    needed += [final[0] << cast.post, final[1] << cast.post]
    work = signed_width(min(needed), max(needed))
    clipped_by_pack = False
    if width < work:
        row = writer.widen(row, width, work, signed)
    elif width > work:
        row = writer.narrow(row, width, work)
    rectify = relu and before[0] < 0 and not (cast.overflow is Overflow.SAT and cast.low == 0)
    result = []
    for a in row:
        t = a
        if multiplier != 1:
            power = multiplier > 0 and multiplier & (multiplier - 1) == 0
            t = (
                writer.binary("shl", work, t, splat(work, multiplier.bit_length() - 1))
                if power
                else writer.binary("mul", work, t, splat(work, multiplier))
            )
        if offset:
            t = writer.binary("add", work, t, splat(work, offset))
        if rectify:
            t = writer.intrinsic("smax", work, t, "zeroinitializer")
        if cast.shift > 0:
            t = _round(writer, work, t, cast, early)
        elif cast.shift < 0:
            t = writer.binary("shl", work, t, splat(work, -cast.shift))
        if (
            work <= 32
            and cast.overflow is Overflow.SAT
            and cast.post == 0
            and (cast.low, cast.high) in ((0, 255), (-128, 127))
        ):
            clipped_by_pack = True
        else:
            t = _overflow(writer, work, t, cast, *(rounded if not early else (-32768, 32767)))
        if cast.post:
            t = writer.binary("shl", work, t, splat(work, cast.post))
        result.append(t)
    bounds = (final[0] << cast.post, final[1] << cast.post)
    if relu and cast.overflow is None:
        bounds = (max(bounds[0], 0), max(bounds[1], 0))
    if clipped_by_pack:
        return writer.narrow(result, work, 8, signed=cast.low < 0), 8, bounds
    return result, work, bounds
