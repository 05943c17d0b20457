"""Every table. SQLModel rows are storage, not the domain; the file names the room that writes it (operations.py holds two)."""

from broadcaster.storage.tables.campaigns import (
    Amendment,
    Assignment,
    Campaign,
    CampaignVersion,
    Cohort,
    Enrolment,
    Wave,
)
from broadcaster.storage.tables.consent import ConsentEntry, Suppression
from broadcaster.storage.tables.office import (
    Alert,
    AuditEntry,
    CalendarDay,
    OfficeFact,
    Price,
    ServiceVisit,
    Staff,
    StaffSession,
    TestRecipient,
    Village,
)
from broadcaster.storage.tables.operations import Installation, JobRun, Outcome
from broadcaster.storage.tables.outbox import (
    Attempt,
    Message,
    MessageChild,
    PollCursor,
    Portfolio,
    ProviderEvent,
    Receipt,
    Sender,
)
from broadcaster.storage.tables.registry import (
    Card,
    CardEvent,
    Child,
    ChildIdentity,
    ColumnMap,
    ContactPoint,
    Guardian,
    Household,
    HouseholdKk,
    ImportBatch,
    ImportChange,
    ImportRow,
)
from broadcaster.storage.tables.rendering import MessageTemplate, ProviderTemplate, TemplateVersion
from broadcaster.storage.tables.replies import (
    Arrival,
    Conversation,
    LinkToken,
    Poster,
    Reply,
    Subscriber,
    TelegramBot,
)
from broadcaster.storage.tables.village import OfficerLink, Tick

__all__ = [
    "Alert", "Amendment", "Arrival", "Assignment", "Attempt", "AuditEntry", "CalendarDay", "Campaign",
    "CampaignVersion", "Card", "CardEvent", "Child", "ChildIdentity", "Cohort", "ColumnMap", "ConsentEntry",
    "ContactPoint", "Conversation", "Enrolment", "Guardian", "Household", "HouseholdKk", "ImportBatch", "ImportChange",
    "ImportRow", "Installation", "JobRun", "LinkToken", "Message", "MessageChild", "MessageTemplate", "OfficeFact",
    "OfficerLink", "Outcome", "PollCursor", "Portfolio", "Poster", "Price", "ProviderEvent", "ProviderTemplate",
    "Receipt", "Reply", "Sender", "ServiceVisit", "Staff", "StaffSession", "Subscriber", "Suppression", "TelegramBot",
    "TemplateVersion", "TestRecipient", "Tick", "Village", "Wave",
]  # fmt: skip
