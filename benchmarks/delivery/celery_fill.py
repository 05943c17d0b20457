"""Fills celery's queue: `python -m benchmarks.delivery.celery_fill` reads one JSON list of arguments a line."""

from __future__ import annotations

import json
import sys

from benchmarks.delivery.celery_tasks import app, send

if __name__ == "__main__":
    with app.producer_or_acquire() as producer:
        for line in sys.stdin:
            send.apply_async(args=json.loads(line), producer=producer)
