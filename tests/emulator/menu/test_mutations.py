"""For every rule a mutant: the decisions written out in cases.py must notice each of them."""

from __future__ import annotations

import pytest

from emulator.errors import InputError
from tests.emulator.menu.cases import CASES
from tests.emulator.menu.mutants import mutated
from tests.emulator.menu.world import decide, modules

MUTANTS = {
    # single objects
    "threshold above instead of from": ("atoms", "lowest = requirement.threshold\n", "lowest = requirement.threshold + 1\n"),
    "equal means at least": ("atoms", "    if requirement.equal:\n", "    if False:\n"),
    "absent objects count for the emulator": ("atoms", "lowest = max(lowest, 1)", "lowest = max(lowest, 0)"),
    "absent objects never count": ("atoms", 'if judge == "emulator" and kind.has_eta', "if kind.has_eta"),
    "phi windows do not wrap": ("atoms", "if low <= high else [(0, high), (low, maximum)]", "if low <= high else []"),
    "table bit shifted": ("atoms", "if lut >> code & 1", "if lut >> (code + 1) & 1"),
    "runs of codes joined": ("atoms", "result[-1][1] == code - 1", "True"),
    "charges swapped": ("atoms", "POSITIVE, NEGATIVE = 2, 3", "POSITIVE, NEGATIVE = 3, 2"),
    "invalid charge is positive": ("atoms", "POSITIVE, NEGATIVE = 2, 3", "POSITIVE, NEGATIVE = 0, 3"),
    "tower count 0 fires in firmware": ("atoms", 'judge == "firmware":\n        return ()', "False:\n        return ()"),
    "values above instead of from": ("atoms", "((value.threshold, value", "((value.threshold + 1, value"),
    "centrality bit 0": ("atoms", "code >> signal.bit & 1", "code & 1"),
    "windows exclude their end": ("kernels", "<= span", "< span"),
    "only the last window counts": ("kernels", "mask[e] |= bit if inside else np.uint16(0)", "mask[e] = np.uint16(mask[e] & ~bit) | (bit if inside else np.uint16(0))"),
    "slots ignored": ("kernels", "mask[e] = np.uint16(source[e] & slots)", "mask[e] = np.uint16(source[e])"),
    "one cut is enough": ("kernels", "np.uint16(mask[e] & source[e])", "np.uint16(mask[e] | source[e])"),
    # combinations
    "two legs on one object": ("kernels", "& _several(np.uint16(a[e] | b[e]))", ""),
    "three legs on two objects": ("kernels", "& _several(without_lowest)", ""),
    "four legs without matching": ("searches", "if bits(union) < bits(chosen)", "if bits(union) < 1"),
    "like signs mixed up with opposite": ("searches", "if alike != (rule == LIKE_SIGN)", "if alike == (rule == LIKE_SIGN)"),
    "opposite signs must alternate": ("searches", "alike = signs in (0, last)", "alike = bits(signs) * 2 != legs"),
    # overlap removal
    "overlap with one leg is allowed": ("searches", "if distinct(a & clear, b & clear,", "if distinct(a & clear, b,"),
    "all overlap quantities at once": ("searches", "row |= good[chosen[index], slot]", "row = good[chosen[index], slot]"),
    "no reference object needed": ("kernels", "    if condition[ORM_LEG] >= 0:", "    if False:"),
    "only the first leg must be clear": ("searches", "if mask_b & ~any_row(", "if mask_b | any_row("),
    "only the second leg must be clear": ("searches", "third, good) >> i & 1:", "third, good) >> i & 0:"),
    "pair overlap ignored": ("searches", "if mask_b and orm_count and third == NONE", "if False"),
    "overlap limits from the mass row": ("limits", 'row = "DeltaOverlapRemoval" if overlap', 'row = "Mass" if overlap'),
    # correlations
    "lower limit excluded": ("pairs", "lower <= values[sheet, i, j] <= upper", "lower < values[sheet, i, j] <= upper"),
    "upper limit excluded": ("pairs", "lower <= values[sheet, i, j] <= upper", "lower <= values[sheet, i, j] < upper"),
    "phi not folded": ("pairs", "return difference if difference < half else 2 * half - difference", "return min(difference, half)"),
    "muons folded at 72": ("pairs", "MUON_PHI_BINS // 2", "MUON_PHI_BINS // 8"),
    "calorimeter bins at their edge": ("pairs", "HALF_BIN = CALO_TO_MUON // 2", "HALF_BIN = 0"),
    "one object is a pair": ("pairs", "rest_b = all_b & ~(1 << i) if alike else all_b", "rest_b = all_b"),
    "one order only": ("pairs", "            if alike:\n                values[sheet, j, i] = value", "            if alike:\n                values[sheet, j, i] = -1"),
    "one limit is enough": ("searches", "mask_b &= good[chosen[index], i]", "mask_b = all_b & good[chosen[index], i]"),
    "pair charge ignored": ("searches", "if mask_b and conditions[condition, CHARGE]", "if False"),
    "pair charge inverted": ("searches", "like = conditions[condition, CHARGE] == LIKE_SIGN", "like = conditions[condition, CHARGE] != LIKE_SIGN"),
    "dR linear": ("pairs", "return int(in_eta * in_eta + in_phi * in_phi)", "return int(in_eta * in_eta)"),
    "cos added": ("pairs", "+ FLAT_COSH] + deta] - flat", "+ FLAT_COSH] + deta] + flat"),
    "transverse mass with cosh": ("pairs", "if code == MASS_TRANSVERSE", "if False"),
    "pt instead of unconstrained pt": ("pairs", "if code == MASS_UPT", "if False"),
    "pt^2 without the cross term": ("pairs", "+ 2 * pt_a * pt_b * angle", "+ 0 * angle"),
    "sine forgotten": ("pairs", "+ flat[sine + phi_a] * flat[sine + phi_b]", ""),
    "muon indices not halved": ("pairs", "eta_a >> 1, eta_b >> 1, phi_a >> 1, phi_b >> 1", "eta_a, eta_b, phi_a, phi_b"),
    "coinciding objects fail": ("pairs", "INFINITE = HIGHEST", "INFINITE = 0"),
    "largest pair instead of the sum": ("searches", "total = values[sheet, i, j] + values[sheet, i, k] + values[sheet, j, k]", "total = max(values[sheet, i, j], values[sheet, i, k], values[sheet, j, k])"),
    "triple charge ignored": ("searches", "if rule and not charged(", "if False and not charged("),
    # tables
    "tables rounded down": ("tables", "math.floor(value + 0.5)", "math.floor(value)"),
    "calorimeter pt at the lower edge": ("tables", "return 5 * code + 3", "return 5 * code"),
    "muon pt without offset": ("tables", "5 * (code - 1) + 3", "5 * code + 3"),
    "upt in half GeV": ("tables", "10 * (code - 1) + 5", "5 * (code - 1) + 5"),
    "muon cosines with three digits": ("tables", "MUON_DIGITS = 4", "MUON_DIGITS = 3"),
    "sine at the bin's edge": ("tables", "function((i + 0.5) * step)", "function(i * step)"),
    # limits
    "limits rounded inwards": ("scales", "math.ceil(scaled) if upwards else math.floor(scaled)", "math.floor(scaled) if upwards else math.ceil(scaled)"),
    "mass instead of mass^2 / 2": ("limits", "value * value * 0.5", "value * value"),
    "dR instead of dR^2": ("limits", "        return value * value\n", "        return value\n"),
    "muon digits for all": ("limits", "MUON_DIGITS if muons else CALO_DIGITS", "MUON_DIGITS"),
    "upper limit of mass over dR used": ("limits", 'LOWER_ONLY = ("mass_over_dr", "pt2")', "LOWER_ONLY = ()"),
    # scales
    "muon pt scale without offset": ("scales", "-energy.lsb if kind.is_muon else 0.0", "0.0"),
    "muon eta bins start at their index": ("scales", "-eta.lsb / 2 if kind.is_muon else 0.0", "0.0"),
    "upt scale without offset": ("scales", "upt, upt.lsb, -upt.lsb", "upt, upt.lsb"),
    "scale looks one bin up": ("scales", "bisect_right(self.minima, value + EDGE_TOLERANCE) - 1", "bisect_right(self.minima, value + EDGE_TOLERANCE)"),
    # sums, bits, links, scores
    "tight shower from muon 1": ("quantities", 'Signal("mu.shower", 2)', 'Signal("mu.shower", 1)'),
    "shower 2 from muon 2": ("quantities", 'Signal("mu.shower", 3)', 'Signal("mu.shower", 2)'),
    "ETTEM is ETT": ("quantities", '"ettem": _field("ett.em")', '"ettem": _field("ett.et")'),
    "CICADA nibbles reversed": ("inputs", "nibbles[0] << 12 | nibbles[1] << 8", "nibbles[1] << 12 | nibbles[0] << 8"),
    "ZDC sides swapped": ("inputs", "return words[1:2] & 0x3FF", "return words[2:3] & 0x3FF"),
    "ZDC bits beyond 9": ("inputs", "return words[1:2] & 0x3FF", "return words[1:2]"),
    "external in the wrong word": ("kernels", "external[condition[ROW] >> 6]", "external[condition[ROW] >> 7]"),
    "scores above instead of from": ("kernels", "out[e] |= lower <= values[e]", "out[e] |= lower < values[e]"),
    "only the last object's score": ("kernels", "out[e] |= lower", "out[e] = lower"),
    "score bound rounded down": ("scores", "return math.floor(value) + 1, None", "return math.floor(value), None"),
    "raw scores read as physical": ("scores", "if not raw and declared is not None", "if declared is not None"),
    # expressions and crossings
    "NOT forgotten": ("kernels", "out[e] = a[e] ^ np.uint8(1)", "out[e] = a[e]"),
    "AND is OR": ("kernels", "out[e] = a[e] & b[e]", "out[e] = a[e] | b[e]"),
    "XOR is OR": ("kernels", "out[e] = a[e] ^ b[e]", "out[e] = a[e] | b[e]"),
    "OR before AND": ("grammar", '?and_expr: not_expr ("AND" not_expr)*', '?and_expr: not_expr ("OR" not_expr)*'),
    "earlier and later swapped": ("grammar", "body, bx = head, int(sign + tail)", "body, bx = head, -int(sign + tail)"),
    "no orbit wrap": ("evaluate", 'wrap = neighbours == "orbit"', "wrap = False"),
    "always wrap": ("evaluate", 'wrap = neighbours == "orbit"', "wrap = True"),
    "halo counted as crossings": ("evaluate", 'margin = self.halo if neighbours == "halo" else 0', "margin = 0"),
    "second object of a pair in the same crossing": ("plan", "(O_MUON, O_BX, O_UNION", "(O_BX, O_MUON, O_UNION"),
}  # fmt: skip


def _noticed() -> bool:
    """Does any case decide otherwise than written, or cannot be evaluated at all?"""
    world = modules()
    for case in CASES:
        try:
            if decide(case, world) != case.expected:
                return True
        except (InputError, LookupError, ValueError, TypeError, OverflowError):
            return True
    return False


def test_the_unchanged_package_passes() -> None:
    with mutated("atoms", "POSITIVE, NEGATIVE = 2, 3", "POSITIVE, NEGATIVE = (2, 3)"):
        assert not _noticed()


@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_noticed(name: str) -> None:
    with mutated(*MUTANTS[name]):
        assert _noticed()
