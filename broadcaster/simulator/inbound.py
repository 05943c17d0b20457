"""What people do: write, press a button, press Start, share their number, block the bot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from broadcaster.errors import BadInput
from broadcaster.simulator.agenda import Agenda
from broadcaster.simulator.faults import CHANNELS
from broadcaster.simulator.people import People, Planned
from broadcaster.simulator.store import Step, Store, Text
from broadcaster.simulator.telegram import Telegram, member, message_json
from broadcaster.simulator.webhooks import Webhooks

_FIELDS = {
    "channel",
    "address",
    "to",
    "text",
    "button",
    "start",
    "contact",
    "card_of",
    "block",
    "media",
    "opt_out_mark",
}


class Inbound:
    """Makes people act, at once or after a while."""

    def __init__(self, store: Store, people: People, agenda: Agenda, telegram: Telegram, webhooks: Webhooks) -> None:
        self._store, self._people, self._agenda = store, people, agenda
        self._telegram, self._webhooks = telegram, webhooks

    def follow(self, text: Text) -> None:
        """Plan what the recipient of an accepted text does about it."""
        for reply in self._people.replies_to(text.to):
            moment = self._store.now() + timedelta(seconds=reply.after_s)
            self._agenda.at(moment, partial(self.act, _request(text, reply)))

    async def act(self, wanted: Mapping[str, Any]) -> None:
        """Do one thing now. Raises `BadInput`.

        channel and address, and one of: text, button (title or intent of the newest text that has it), and on Telegram
        start (a payload, may be empty), contact (a number), block (true or false). media and opt_out_mark go with text,
        card_of with contact: whose card it is, a chat id or "" for somebody without Telegram (default: the person's own).
        """
        strange = sorted(set(wanted) - _FIELDS)
        channel, address = wanted.get("channel"), str(wanted.get("address", ""))
        if strange or channel not in CHANNELS or not address:
            raise BadInput(
                f"inbound needs channel and address; unknown: {', '.join(strange) or '-'}", code="bad_inbound"
            )
        if channel == "telegram":
            await self._telegram_act(address, wanted)
        else:
            await self._twilio_act(str(channel), address, wanted)

    async def _telegram_act(self, chat: str, wanted: Mapping[str, Any]) -> None:
        if not chat.lstrip("-").isdecimal():
            raise BadInput(f"{chat} is not a chat id", code="bad_inbound")
        person = {"id": int(chat), "is_bot": False, "first_name": "Warga"}
        room = {"id": int(chat), "type": "private", "first_name": "Warga"}
        date = int(self._store.now().timestamp())
        self._store.heard_from("telegram", chat)
        if "block" in wanted:
            status = "kicked" if wanted["block"] else "member"
            self._people.set(chat, "blocked" if wanted["block"] else "delivered")
            change = {
                "chat": room, "from": person, "date": date,
                "old_chat_member": member("member" if wanted["block"] else "kicked"), "new_chat_member": member(status),
            }  # fmt: skip
            await self._telegram.push("my_chat_member", change)
            return
        if "button" in wanted:
            text, _, data = self._button("telegram", chat, str(wanted["button"]))
            press = {
                "id": f"{chat}{self._store.next_number()}", "from": person, "chat_instance": "1",
                "message": message_json(text), "data": data,
            }  # fmt: skip
            await self._telegram.push("callback_query", press)
            return
        message: dict[str, Any] = {"message_id": self._store.next_number(), "from": person, "chat": room, "date": date}
        if "contact" in wanted:
            owner = str(wanted.get("card_of", chat))
            message["contact"] = {"phone_number": str(wanted["contact"]), "first_name": "Warga"}
            message["contact"] |= {"user_id": int(owner)} if owner else {}
        elif "start" in wanted:
            if self._people.of(chat).behaviour in ("blocked", "not_started"):
                self._people.set(chat, "delivered")
            message["text"] = f"/start {wanted['start']}".strip()
        else:
            message["caption" if wanted.get("media") else "text"] = str(wanted.get("text", ""))
            if wanted.get("media"):
                message["photo"] = [{"file_id": "1", "file_unique_id": "1", "width": 1, "height": 1}]
        await self._telegram.push("message", message)

    async def _twilio_act(self, channel: str, address: str, wanted: Mapping[str, Any]) -> None:
        options = self._store.options
        own = options.whatsapp_from if channel == "whatsapp" else options.sms_from
        to = str(wanted.get("to") or self._store.last_sender.get(channel) or own)
        title = payload = replied_to = ""
        if "button" in wanted:
            under, title, payload = self._button(channel, address, str(wanted["button"]))
            replied_to = under.sid
        now, number = self._store.now(), self._store.next_number()
        text = Text(
            number=number,
            channel=channel,
            sid=f"SM{number:032x}",
            sender=address,
            to=to,
            text=title or str(wanted.get("text", "")),
            at=now,
            steps=[Step(now, "received")],
            inbound=True,
            account=f"AC{0:032x}",
            media=1 if wanted.get("media") else 0,
        )
        self._store.receive(text)
        if options.inbound_url:
            form = _form(text, title, payload, str(wanted.get("opt_out_mark", "")))
            if replied_to:
                form["OriginalRepliedMessageSid"] = replied_to
            answered = await self._webhooks.twilio(options.inbound_url, form)
            self._store.receipts["inbound_posted" if 200 <= answered < 300 else "inbound_refused"] += 1

    def _button(self, channel: str, address: str, wanted: str) -> tuple[Text, str, str]:
        """The newest text with such a button, its title and its data."""
        for text in reversed(self._store.to.get((channel, address), ())):
            for title, data in text.buttons:
                if wanted in (title, data, data.partition(":")[0]):
                    return text, title, data
        raise BadInput(f"no text to this address has a button {wanted!r}", code="no_button")


def _request(text: Text, reply: Planned) -> dict[str, Any]:
    base: dict[str, Any] = {"channel": text.channel, "address": text.to}
    if reply.button and not any(reply.button in (title, data, data.partition(":")[0]) for title, data in text.buttons):
        return {**base, "text": reply.button}  # this text has no such button: the person writes the same words
    return {**base, "button": reply.button} if reply.button else {**base, "text": reply.text}


def _form(text: Text, title: str, payload: str, mark: str) -> dict[str, str]:
    """The fields of an inbound webhook."""
    whatsapp = text.channel == "whatsapp"
    prefix = "whatsapp:" if whatsapp else ""
    form = {
        "AccountSid": text.account,
        "ApiVersion": "2010-04-01",
        "Body": text.text,
        "From": f"{prefix}{text.sender}",
        "MessageSid": text.sid,
        "NumMedia": str(text.media),
        "NumSegments": "1",
        "SmsMessageSid": text.sid,
        "SmsSid": text.sid,
        "SmsStatus": "received",
        "To": f"{prefix}{text.to}",
    }
    if whatsapp:
        form |= {"ProfileName": "Warga", "MessageType": "button" if payload else "text"}
        form |= {"ExternalUserId": form["From"]} if text.sender.startswith("ID.") else {"WaId": text.sender.lstrip("+")}
    if payload:
        form |= {"ButtonText": title, "ButtonPayload": payload}
    if mark:
        form["OptOutType"] = mark
    return form
