"""celery as its documentation shows it: one task per message, acknowledged early, with twilio's own client.

Needs none of the product's code."""

from __future__ import annotations

import os

from celery import Celery

from benchmarks.delivery.twilio_sync import client_for, send_one

app = Celery("benchmark", broker=os.environ["BENCHMARK_REDIS"])
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)
_client = client_for(os.environ["BENCHMARK_SINK"])


@app.task(name="send")
def send(address: str, content_sid: str, variables: str) -> None:
    send_one(_client, address, content_sid, variables)
