"""Registering WhatsApp templates: what staff are told when Twilio refuses or does not answer."""

from __future__ import annotations

import asyncio

import pytest

from broadcaster.channels.protocol import Approval, TemplateRegistrar
from broadcaster.errors import Blocked
from tests.integration.channels.test_wire import make_template
from tests.integration.channels.world import channels, world


def test_a_template_is_created_sent_for_approval_and_looked_up() -> None:
    async def scenario() -> None:
        async with world() as it:
            registrar = it.channels.whatsapp
            assert isinstance(registrar, TemplateRegistrar)
            sid = await make_template(it)
            assert await registrar.approval(sid) == Approval("unsubmitted", "")
            await registrar.request_approval(sid, "ambil_kartu_1", "UTILITY")
            assert await registrar.approval(sid) == Approval("approved", "UTILITY")
            template = it.sim.store.templates[sid]
            template.status, template.category, template.reason = "rejected", "MARKETING", "INVALID_FORMAT"
            assert await registrar.approval(sid) == Approval("rejected", "MARKETING", "INVALID_FORMAT")

    asyncio.run(scenario())


def test_a_refused_template_is_a_sentence_with_twilios_code() -> None:
    async def scenario() -> None:
        async with world() as it:
            with pytest.raises(Blocked, match="20404"):
                await it.channels.whatsapp.approval("HX0")
            sid = await make_template(it)
            with pytest.raises(Blocked) as refused:
                await it.channels.whatsapp.request_approval(sid, "Nama Salah", "UTILITY")
            assert refused.value.code == "template_refused"

    asyncio.run(scenario())


def test_an_unreachable_twilio_is_a_sentence_too() -> None:
    async def scenario() -> None:
        async with channels("http://127.0.0.1:1") as it:
            with pytest.raises(Blocked) as refused:
                await it.whatsapp.approval("HX0")
            assert refused.value.code == "provider_unreachable"

    asyncio.run(scenario())
