"""The web application: the console's pages for staff and the providers' hooks, in one FastAPI application."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.staticfiles import StaticFiles

from broadcaster.app import App
from broadcaster.errors import BadSignature, NotAllowed, NotFound, Refused
from broadcaster.web import hooks, officer, words
from broadcaster.web.pages import campaigns, home, inbox, results, session, wordings
from broadcaster.web.pages.session import sign_in_address
from broadcaster.web.render import STATIC_DIR, problem
from broadcaster.web.security import HOOKS, STATIC, Guard, SignInNeeded, gate, protect

log = structlog.get_logger()


def create_app(app: App) -> FastAPI:
    """The console and the hooks over one `App`. The caller serves it and closes `app`."""
    web = FastAPI(
        title="broadcaster",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,  # Starlette would build the address from the Host header
        dependencies=[Depends(gate)],
    )
    web.state.broadcaster = app
    for router in (
        hooks.router,
        officer.router,
        session.router,
        home.router,
        campaigns.router,
        inbox.router,
        wordings.router,
        results.router,
    ):
        web.include_router(router)
    web.mount(STATIC.rstrip("/"), StaticFiles(directory=STATIC_DIR))
    web.add_middleware(GZipMiddleware, minimum_size=1000)  # villages are on 2G
    web.add_middleware(Guard, settings=app.settings, refuse=_refuse_forged)
    web.add_exception_handler(SignInNeeded, _to_sign_in)
    web.add_exception_handler(HTTPException, _http_problem)
    web.add_exception_handler(RequestValidationError, _unreadable)
    web.add_exception_handler(BadSignature, _bad_signature)
    web.add_exception_handler(Refused, _refused)
    web.add_exception_handler(Exception, _defect)
    return web


def _to_sign_in(request: Request, _: Exception) -> Response:
    """A page that was asked for is shown after the sign-in; a form that was sent has to be sent again."""
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(sign_in_address(asked if request.method == "GET" else ""), 303)


def _refuse_forged(request: Request) -> Response:
    title, sentence = words.FORGED
    return problem(request, 403, sentence, title)


def _http_problem(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return _answer(request, status)


def _unreadable(request: Request, _: Exception) -> Response:
    return _answer(request, 400)


def _bad_signature(request: Request, error: Exception) -> Response:
    log.warning("hook.bad_signature", path=request.url.path, why=str(error))
    return _answer(request, 403)


def _refused(request: Request, error: Exception) -> Response:
    statuses = ((NotFound, 404), (NotAllowed, 403))
    status = next((status for kind, status in statuses if isinstance(error, kind)), 409)
    return _answer(request, status, str(error))


def _defect(request: Request, _: Exception) -> Response:
    """Made outside the guard, which therefore cannot add the headers. The server logs the trace."""
    response = _answer(request, 500)
    protect(response.headers, request.url.path, 500)
    return response


def _answer(request: Request, status: int, sentence: str = "") -> Response:
    """A page for people; one word for providers."""
    if request.url.path.startswith(HOOKS):
        return PlainTextResponse(HTTPStatus(status).phrase + "\n", status)
    return problem(request, status, sentence)
