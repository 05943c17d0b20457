from __future__ import annotations

from datetime import datetime

import pytest

from broadcaster.storage.database import Database
from tests.integration.village.scene import Scene


@pytest.fixture
def scene(db: Database, now: datetime) -> Scene:
    return Scene(db, now).prepare()
