"""A real server on a loopback socket, and a plain client that shows exactly what went over the wire."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import uvicorn

from broadcaster.app import App
from broadcaster.web.console import create_app

PASSWORD = "pagi-cerah-di-lais"


@contextmanager
def serve(app: App) -> Iterator[int]:
    """Serve the console of `app` until the block ends; gives the port on 127.0.0.1."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(create_app(app), log_level="critical", lifespan="off", proxy_headers=False, ws="none")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert time.monotonic() < deadline, "the server did not start"
        time.sleep(0.01)
    try:
        yield int(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()
    assert not thread.is_alive(), "the server did not stop"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Client:
    """Keeps cookies as a browser does; follows nothing."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    last_cookie: str = ""  # the newest Set-Cookie line, as sent

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.call("GET", path, headers=headers)

    def post(
        self, path: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.call("POST", path, urlencode(form or {}).encode(), kind | dict(headers or {}))

    def call(
        self, method: str, path: str, body: bytes | Iterator[bytes] = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """`body` as an iterator goes out in chunks, without a Content-Length."""
        sent = dict(headers or {})
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body or None, sent, encode_chunked=not isinstance(body, bytes))
            response = connection.getresponse()
            answer = Answer(
                response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
            )
        finally:
            connection.close()
        if cookie := answer.headers.get("set-cookie"):
            self.last_cookie = cookie
            for name, morsel in SimpleCookie(cookie).items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0":
                    del self.cookies[name]
        return answer

    def sign_in(self, username: str = "sari", password: str = PASSWORD, after: str = "") -> Answer:
        return self.post("/masuk", {"nama": username, "sandi": password, "lanjut": after})
