"""Outreach for child identity cards over Telegram, WhatsApp, SMS and the village officer's list."""

__version__ = "0.1.0"
