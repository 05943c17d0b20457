"""An office in the middle of a small campaign: what every run of the delivery machine starts from.

Five families in two waves, two steps, WhatsApp first and SMS behind it; everything through the product's own services.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from broadcaster.campaigns import service
from broadcaster.campaigns.definition import read_definition
from broadcaster.domain.message import ChannelKind
from broadcaster.office.service import load_defaults
from broadcaster.rendering.queries import templates
from broadcaster.rendering.service import load_content, record_provider_template
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database
from tests import make

ZONE = ZoneInfo("Asia/Jakarta")
NAME = "kartu"
FAMILIES = 5
STEPS = ("ambil-kartu-1", "ambil-kartu-2")

_FILE = f"""
name = "{NAME}"
audience.occasions = ["printed_uncollected"]
d_days = 14
[lot]
waves = 2
every_days = 1
[[steps]]
message = "{STEPS[0]}"
offset_days = 0
channels = ["whatsapp", "sms"]
valid_days = 5
[[steps]]
message = "{STEPS[1]}"
offset_days = 3
channels = ["whatsapp", "sms"]
valid_days = 5
"""


def settle(db: Database, now: datetime) -> None:
    """Fill a fresh database and start the campaign: waves drawn, nothing planned yet."""
    with db.write() as session:
        make.installation(session)
        load_defaults(session, now)
        load_content(session, content_dir(), now)
        make.facts(session)
        make.staff(session, "sari", "operator")
        make.staff(session, "budi", "approver")
        for channel in (ChannelKind.WHATSAPP, ChannelKind.SMS):
            make.sender(session, channel, pace=4)
        for version in templates(session):
            record_provider_template(session, version.id, "twilio", f"HX{version.id:032}", "approved", "utility", now)
        for number in range(FAMILIES):
            # the third family has WhatsApp on one number and SMS on another, the fourth has SMS only
            channels = {2: ("whatsapp",), 3: ("sms",)}.get(number, ("whatsapp", "sms"))
            family = make.family(session, db.sealer, channels=channels)
            if number == 0:
                make.child(session, db.sealer, family.household, born="2021-08-01", sex="P", name="PUTRI")
            if number == 2:
                make.contact(session, db.sealer, family.guardian, "sms", "+6281399990003")
    service.create(db, read_definition(_FILE), by="sari", now=now)
    service.approve(db, NAME, by="budi", now=now)
    service.start(db, NAME, by="sari", now=now, zone=ZONE, configured=set(ChannelKind), salt="salt")
