"""Signing in and out."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from broadcaster.errors import NotAllowed
from broadcaster.office import queries, service
from broadcaster.web import rules
from broadcaster.web.render import page
from broadcaster.web.security import Here, forget, keep_signed_in, token_of

router = APIRouter()
_PATH = "/masuk"


def sign_in_address(asked: str) -> str:
    """The sign-in page that leads on to `asked`."""
    return _PATH if rules.where_next(asked) == rules.HOME else f"{_PATH}?lanjut={quote(asked, safe='/')}"


@router.get("/")
def root() -> Response:
    return RedirectResponse(rules.HOME, 303)


@router.get(_PATH)
def form(request: Request, app: Here, lanjut: Annotated[str, Query()] = "") -> Response:
    return _form(request, app, lanjut)


@router.post(_PATH)
def sign_in(
    request: Request,
    app: Here,
    nama: Annotated[str, Form(max_length=200)] = "",
    sandi: Annotated[str, Form(max_length=1000)] = "",
    lanjut: Annotated[str, Form()] = "",
) -> Response:
    if not nama or not sandi:
        return _form(request, app, lanjut, nama=nama, wrong="Isi nama pengguna dan kata sandi.", status=400)
    try:
        token = service.sign_in(app.db, nama, sandi, app.now())
    except NotAllowed as error:
        return _form(request, app, lanjut, nama=nama, wrong=str(error), status=403)
    if before := token_of(request, app.settings):
        service.sign_out(app.db, before)
    response = RedirectResponse(rules.where_next(lanjut), 303)
    keep_signed_in(response, token, app.settings)
    return response


@router.post("/keluar")
def sign_out(request: Request, app: Here) -> Response:
    service.sign_out(app.db, token_of(request, app.settings))
    response = RedirectResponse(_PATH, 303)
    forget(response, app.settings)
    return response


def _form(request: Request, app: Here, after: str, *, nama: str = "", wrong: str = "", status: int = 200) -> Response:
    with app.db.read() as session:
        request.state.office = queries.facts(session)["nama_kantor"]
    after = after if rules.where_next(after) == after else ""
    return page(request, "signin.html", status=status, nama=nama, wrong=wrong, after=after)
