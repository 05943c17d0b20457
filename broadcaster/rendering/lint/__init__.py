"""`content check`: every rule that would hurt later. The rules lie by theme: trust, wording, channels, drift."""

from broadcaster.rendering.lint.findings import NAMES, Finding, check, examine

__all__ = ["NAMES", "Finding", "check", "examine"]
