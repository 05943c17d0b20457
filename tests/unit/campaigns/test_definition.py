from __future__ import annotations

import pytest

from broadcaster.campaigns.definition import Definition, read_definition
from broadcaster.errors import BadInput

GOOD = """
name = "kartu-belum-diambil"
audience.occasions = ["printed_uncollected"]
mode = "once"
outcome = "collected"
d_days = 14
[lot]
waves = 5
every_days = 7
[[steps]]
message = "ambil-kartu-1"
offset_days = 0
channels = ["telegram", "whatsapp", "sms", "village_list"]
late = "next_window"
fallback_after_hours = 48
valid_days = 5
[[steps]]
message = "ambil-kartu-2"
offset_days = 7
channels = ["telegram", "whatsapp", "village_list"]
[limits]
budget_idr = 5_000_000
"""


def test_the_campaign_file_of_the_manual_is_read():
    definition = read_definition(GOOD)
    assert (definition.lot.waves, definition.steps[1].offset_days, definition.steps[1].valid_days) == (5, 7, 5)


def test_a_definition_survives_being_stored():
    definition = read_definition(GOOD)
    assert Definition.from_json(definition.to_json()) == definition


#: change -> (code, words the sentence must hold)
BAD = {
    "an unknown key names the nearest one": (("waves = 5", "wave = 5"), "unknown_key", "waves"),
    "an unknown key at the top names the nearest one": (("d_days", "d_day"), "unknown_key", "d_days"),
    "an unknown occasion names those there are": (("printed_uncollected", "printed"), "bad_campaign", "turning_five"),
    "an unknown channel": (('"sms"', '"pos"'), "bad_campaign", "whatsapp"),
    "two ways of drawing at once": (("every_days = 7", "delayed_share = 0.2"), "bad_campaign", "tepat satu"),
    "steps out of order": (("offset_days = 7", "offset_days = 0"), "bad_campaign", "naik"),
    "the same message twice": (('"ambil-kartu-2"', '"ambil-kartu-1"'), "bad_campaign", "berbeda"),
    "a window of no days": (("d_days = 14", "d_days = 0"), "bad_campaign", "paling kecil 1"),
    "a name with spaces": (("kartu-belum-diambil", "Kartu Belum"), "bad_campaign", "huruf kecil"),
    "no steps": (("[[steps]]", "[[langkah]]"), "unknown_key", "langkah"),
    "no TOML at all": (("[lot]", "[lot"), "bad_toml", "TOML"),
    "a rolling campaign is said to be not there yet": (('mode = "once"', 'mode = "rolling"'), "bad_campaign", "once"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_wrong_campaign_file_is_refused_in_one_sentence(name):
    (old, new), code, words = BAD[name]
    with pytest.raises(BadInput) as caught:
        read_definition(GOOD.replace(old, new), place="kampanye.toml")
    assert caught.value.code == code
    assert words in str(caught.value)
    assert str(caught.value).startswith("kampanye.toml: ")
