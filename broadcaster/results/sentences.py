"""The one sentence of a result, in Indonesian: per 1,000, whole numbers, the range always beside the number.

Everyone is written to in the end, so waves cannot tell more cards from sooner ones; a claimed effect says so.
"""

from __future__ import annotations

from datetime import date
from math import ceil

from broadcaster.domain.dates import indonesian_date
from broadcaster.domain.effect import CONFIDENCE, z_of
from broadcaster.results.rules import Effect, Verdict

#: What happens to the card, by outcome kind.
VERBS = {"collected": "diambil", "applied": "diajukan"}
#: A call for more children than this is no advice: some 40,000 live in the district.
_WITHIN_REACH = 50_000
#: What belongs beside a number before anyone believes it, by code.
WARNINGS = {
    "interim": "Sementara: waktu pengamatan atau data kantor belum lengkap.",
    "few_events": "Kejadian pada salah satu kelompok kurang dari 10; rentangnya mudah berubah.",
    "contamination": "Lebih dari 2 % keluarga dikirimi pesan sebelum gilirannya; pengaruhnya tampak lebih kecil.",
    "amended": "Jadwal gelombang diubah setelah undian; lihat daftar perubahannya.",
    "stopped_early": "Kampanye dihentikan sebelum semua gelombang dibuka.",
    "only_reachable": "Hanya berlaku bagi keluarga yang ikut diundi; yang tidak punya nomor sendiri tidak ikut.",
}
_Z_OF_POWER = 0.8416  # four of five repetitions would show an effect of this size


def effect_sentence(verdict: Verdict, effect: Effect, d_days: int, outcome: str) -> str:
    """The sentence of a verdict that rests on a range. `outcome`: collected | applied."""
    verb = VERBS[outcome]
    best, low, high = per_1000(effect.rd), per_1000(effect.low), per_1000(effect.high)
    sooner = f" Ini hitungan dalam {d_days} hari; bisa jadi sebagian hanya datang lebih cepat."
    if verdict is Verdict.SUCCESS:
        return (
            f"Dari 1.000 anak yang keluarganya mendapat giliran kirim, sekitar {whole(best)} "
            f"(rentang wajar {between(low, high)}) kartunya {verb} dalam {d_days} hari karena pesan ini; "
            f"sekitar {whole(per_1000(effect.without))} lainnya akan {verb} juga tanpa pesan.{sooner}"
        )
    if verdict is Verdict.HARM:
        return (
            f"Peringatan: anak yang keluarganya mendapat giliran kirim justru lebih sedikit yang kartunya {verb} dalam "
            f"{d_days} hari: selisihnya {whole(best)} per 1.000 anak (rentang wajar {between(low, high)}). "
            "Jangan kirim gelombang berikut sebelum sebabnya diketahui."
        )
    if verdict is Verdict.PRECISE_NULL:
        return (
            f"Pesan ini hampir pasti tidak menambah lebih dari {whole(max(1, ceil(effect.high * 1000)))} "
            f"per 1.000 anak dalam {d_days} hari (perkiraan terbaik {whole(best)}, rentang wajar {between(low, high)})."
        )
    return (
        f"Belum terbukti. Perkiraan terbaik {whole(best)} per 1.000 anak dalam {d_days} hari, "
        f"tetapi bisa jadi dari {between(low, high, signed=True)}.{_more(effect)}"
    )


def interim_sentence(cutoff: date | None, over_on: date | None, *, started: bool) -> str:
    """Why there is no number yet, and from when there will be one."""
    if not started or over_on is None:
        return "Sementara: belum ada gelombang yang dibuka, jadi belum ada yang dapat dibandingkan."
    now = f"sekarang sampai {indonesian_date(cutoff)}" if cutoff else "sekarang belum ada data kantor yang diimpor"
    return (
        "Sementara: belum ada angka pengaruh. Perbandingan lengkap bila data kantor sudah sampai "
        f"{indonesian_date(over_on)}; {now}."
    )


def no_lot_sentence() -> str:
    return (
        "Tidak dapat menyatakan sebab: giliran kirim tidak diundi, jadi tidak ada pembanding. "
        "Yang tertulis di sini hanya hitungan kejadian."
    )


def no_comparison_sentence(d_days: int) -> str:
    return (
        f"Tidak ada pembanding: di kelompok yang sama tidak ada keluarga yang gilirannya {d_days} hari atau lebih "
        "sesudahnya. Pengaruh pesan tidak dapat dihitung; yang tertulis di sini hanya hitungan kejadian."
    )


def per_1000(share: float) -> int:
    """A share as a whole number per 1,000."""
    return round(share * 1000)


def whole(number: int, *, signed: bool = False) -> str:
    """`1.234`, `−8` with a true minus sign, `+32` when signed."""
    sign = "−" if number < 0 else "+" if signed and number > 0 else ""
    return f"{sign}{abs(number):,}".replace(",", ".")


def between(low: int, high: int, *, signed: bool = False) -> str:
    """`45–79`; with `sampai` and signs where a minus would make the dash hard to read."""
    if low < 0 or signed:
        return f"{whole(low, signed=True)} sampai {whole(high, signed=True)}"
    return f"{whole(low)}–{whole(high)}"


def _more(effect: Effect) -> str:
    """How many more children would make an effect of this size clear, when that is within reach."""
    if effect.rd <= 0:
        return ""
    z = z_of(CONFIDENCE)
    se = (effect.high - effect.low) / (2 * z)
    more = effect.children * (((z + _Z_OF_POWER) * se / effect.rd) ** 2 - 1)
    if not 0 < more <= _WITHIN_REACH:
        return ""
    return f" Perlu sekitar {whole(ceil(more / 100) * 100)} anak lagi pada gelombang berikutnya agar jelas."
