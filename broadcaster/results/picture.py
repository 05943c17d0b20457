"""Pictures of a result as inline SVG: no script, nothing loaded, a text for those who cannot see, readable at 320 px.

Colours come from the page. Shapes are filled: `dot-anyway`, `dot-because`, `dot-not` for the children, `forest-bar`,
`forest-best`, `forest-overall`, `forest-zero` for the waves; a page that sets none still tells them apart by shape and
legend. Texts take the page's text colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from broadcaster.results.sentences import between, whole

_WIDTH = 320  # user units: a phone's pixels, so that a 13 unit letter is 13 px there
_COLUMNS = 40
_STEP = _WIDTH / _COLUMNS
_LETTER = 13
_LETTERS = 40  # of a broad face, on one line


def dots(came_anyway: int, because: int, out_of: int = 1000) -> str:
    """One mark for each of `out_of` children: came anyway, came because of the message, did not come.

    Raises ValueError for a negative number or more marks than children; an effect below zero has no such picture.
    """
    absent = out_of - came_anyway - because
    if min(came_anyway, because, absent) < 0:
        raise ValueError(f"{came_anyway} and {because} of {out_of} cannot be drawn")
    kinds = (
        ("dot-because", because, "karena pesan ini", _SQUARE),
        ("dot-anyway", came_anyway, "akan datang juga tanpa pesan", _DIAMOND),
        ("dot-not", absent, "tidak datang dalam waktu itu", _SPECK),
    )
    marks, legend, first = [], [], 0
    below = -(-out_of // _COLUMNS) * _STEP + 10
    for line, (name, count, meaning, shape) in enumerate(kinds):
        marks.append(f'<path class="{name}" d="{_marks(range(first, first + count), shape)}"/>')
        first += count
        top = below + line * 20
        legend.append(f'<path class="{name}" d="{_mark(2, top + 3, shape)}"/>')
        legend.append(_text(18, top + 11, f"{whole(count)} {meaning}"))
    title = f"Dari {whole(out_of)} anak: {whole(because)} karena pesan ini, {whole(came_anyway)} akan datang juga"
    described = "; ".join(f"{whole(count)} {meaning}" for _, count, meaning, _ in kinds)
    return _svg(below + 64, title, f"Satu tanda untuk satu anak. {described}.", [*marks, *legend])


@dataclass(frozen=True)
class _Shape:
    """Where in its field of 8 x 8 a mark starts, and its outline from there."""

    x: float
    y: float
    outline: str


_SQUARE = _Shape(0.5, 0.5, "h7v7h-7z")
_DIAMOND = _Shape(4, 0.5, "l3.5 3.5-3.5 3.5-3.5-3.5z")
_SPECK = _Shape(2.5, 2.5, "h3v3h-3z")


def _marks(numbers: range, shape: _Shape) -> str:
    """The path of some fields; within a row a mark is one step from the last: a thousand of them stay small."""
    return "".join(
        f"m{_STEP:g} 0{shape.outline}"
        if number % _COLUMNS and number != numbers.start
        else _mark(number % _COLUMNS * _STEP, number // _COLUMNS * _STEP, shape)
        for number in numbers
    )


def _mark(x: float, y: float, shape: _Shape) -> str:
    return f"M{x + shape.x:g} {y + shape.y:g}{shape.outline}"


@dataclass(frozen=True)
class Bar:
    """One line of a forest plot, per 1,000."""

    label: str
    best: float
    low: float
    high: float


def forest(waves: Sequence[Bar], overall: Bar) -> str:
    """The difference of each wave with its range, and of all together below them, against a line at zero.

    Raises ValueError when a range does not hold its estimate.
    """
    bars = [*waves, overall]
    for bar in bars:
        if not bar.low <= bar.best <= bar.high:
            raise ValueError(f"{bar.label}: {bar.best} lies outside {bar.low} to {bar.high}")
    left, right = min(0.0, *(bar.low for bar in bars)), max(0.0, *(bar.high for bar in bars))
    margin, span = 6.0, (right - left) or 1.0

    def at(value: float) -> float:
        return round(margin + (value - left) / span * (_WIDTH - 2 * margin), 1)

    lines = 2 if any(len(_spoken(bar)) > _LETTERS for bar in bars) else 1
    row = 24 + 16 * lines
    foot = len(bars) * row
    zero = "".join(f"M{at(0) - 0.5:g} {number * row + row - 20}h1v18h-1z" for number in range(len(bars)))
    parts = [f'<path class="forest-zero" d="{zero}"/>']
    for number, bar in enumerate(bars):
        top = number * row
        middle = top + row - 12
        if bar is overall:
            parts.append(f'<path class="forest-zero" d="M0 {top}h{_WIDTH}v1h-{_WIDTH}z"/>')
            diamond = f"M{at(bar.low):g} {middle}L{at(bar.best):g} {middle - 6}L{at(bar.high):g} {middle}"
            parts.append(f'<path class="forest-overall" d="{diamond}L{at(bar.best):g} {middle + 6}z"/>')
        else:
            length = max(1.0, at(bar.high) - at(bar.low))
            parts.append(f'<path class="forest-bar" d="M{at(bar.low):g} {middle - 1}h{length:g}v2h-{length:g}z"/>')
            parts.append(f'<path class="forest-best" d="M{at(bar.best) - 4:g} {middle - 4}h8v8h-8z"/>')
        for line, text in enumerate([_spoken(bar)] if lines == 1 else [bar.label, _numbers(bar)]):
            parts.append(_text(0, top + 15 + 16 * line, text, bold=bar is overall))
    near_edge = 60
    anchor = "start" if at(0) < near_edge else "end" if at(0) > _WIDTH - near_edge else "middle"
    parts.append(_text(at(0), foot + 18, "0 = tidak ada beda", anchor=anchor))
    return _svg(
        foot + 24,
        f"Selisih per 1.000 anak: {_spoken(overall)}",
        "Tiap gelombang dengan rentang wajarnya. " + "; ".join(_spoken(bar) for bar in bars) + ".",
        parts,
    )


def _spoken(bar: Bar) -> str:
    return f"{bar.label}: {_numbers(bar)}"


def _numbers(bar: Bar) -> str:
    return f"{whole(round(bar.best), signed=True)} ({between(round(bar.low), round(bar.high))})"


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ' font-weight="700"' if bold else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'


def _svg(height: float, title: str, description: str, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {_WIDTH} {height:g}" width="{_WIDTH}" '
        f'height="{height:g}" font-size="{_LETTER}" font-family="system-ui, sans-serif">'
        f"<title>{escape(title)}</title><desc>{escape(description)}</desc>"
        f'<g fill="currentColor">{"".join(parts)}</g></svg>'
    )
