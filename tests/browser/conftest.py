"""The real Chromium of these tests, headless; where it is missing they skip loudly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

_ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-features=BackForwardCache",  # pages are no-store anyway; the cache swaps the page a test holds
]  # fmt: skip


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("PAGES NOT TESTED IN A BROWSER: no chromium on the PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()
