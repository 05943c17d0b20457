"""What the messages changed: the sentence, how sure it is, and what is not claimed."""

from __future__ import annotations

from datetime import date, datetime

from fastapi import APIRouter, Request, Response
from markupsafe import Markup

from broadcaster.campaigns import queries as campaigns
from broadcaster.results import picture, queries
from broadcaster.results.document import ResultDocument
from broadcaster.results.sentences import VERBS, WARNINGS
from broadcaster.web import words
from broadcaster.web.render import page
from broadcaster.web.security import Here, Staff

router = APIRouter()


@router.get("/hasil")
def listing(request: Request, app: Here, _: Staff) -> Response:
    with app.db.read() as session:
        lines = [line for line in campaigns.campaigns(session) if line.waves_opened]
    return page(request, "results.html", lines=lines)


@router.get("/hasil/{name}")
def one(request: Request, app: Here, _: Staff, name: str) -> Response:
    with app.db.read() as session:
        result = queries.result(session, name, app.today())
        title = next(line.title for line in campaigns.campaigns(session) if line.name == name)
    return page(
        request,
        "result.html",
        name=name,
        title=title,
        result=result,
        verb=VERBS[result["outcome"]],
        dots=_dots(result),
        forest=_forest(result),
        several_cells=len({wave["cell"] for wave in result["waves"]}) > 1,
        warnings=[WARNINGS.get(code, code) for code in result["warnings"]],
        funnel=[(words.FUNNEL.get(key, key), count) for key, count in result["funnel"].items()],
        not_claimed=words.not_claimed(result),
        cutoff=date.fromisoformat(result["cutoff"]) if result["cutoff"] else None,
        amendments=[{**line, "at": datetime.fromisoformat(line["at"])} for line in result["amendments"]],
    )


def _dots(result: ResultDocument) -> Markup | None:
    """Only a proven gain has children who came because of the message."""
    effect, without = result["effect_per_1000"], result["without_message_per_1000"]
    if result["verdict"] != "success" or effect is None or without is None:
        return None
    return Markup(picture.dots(round(without), round(effect)))  # noqa: S704 - our own SVG, escaped where it is made


def _forest(result: ResultDocument) -> Markup | None:
    effect, low, high = result["effect_per_1000"], result["low"], result["high"]
    several = len({wave["cell"] for wave in result["waves"]}) > 1
    bars = []
    for wave in result["waves"]:
        best, least, most = wave["rd_per_1000"], wave["low_per_1000"], wave["high_per_1000"]
        if best is not None and least is not None and most is not None:
            label = words.wave(wave["wave"]) + (f", {words.cell(wave['cell'])}" if several else "")
            bars.append(picture.Bar(label, best, least, most))
    if effect is None or low is None or high is None or not bars:
        return None
    return Markup(picture.forest(bars, picture.Bar("Gabungan", effect, low, high)))  # noqa: S704 - as above
