from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from broadcaster.results.picture import Bar, dots, forest

SVG = "{http://www.w3.org/2000/svg}"


def read(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.tag == f"{SVG}svg"
    return root


def marks(root: ElementTree.Element, name: str) -> list[int]:
    """Closed shapes in each path of a class: first the picture, then the legend's."""
    return [path.get("d", "").count("z") for path in root.iter(f"{SVG}path") if path.get("class") == name]


def corners(path: str) -> list[tuple[float, float]]:
    """Where each shape of a `dots` path starts."""
    found = []
    for kind, x, y in re.findall(r"([Mm])([\d.]+) ([\d.]+)", path):
        where = (float(x), float(y)) if kind == "M" else (found[-1][0] + float(x), found[-1][1] + float(y))
        found.append(where)
    return found


def test_a_thousand_children_are_a_thousand_marks() -> None:
    root = read(dots(185, 62))
    assert marks(root, "dot-because") == [62, 1]
    assert marks(root, "dot-anyway") == [185, 1]
    assert marks(root, "dot-not") == [753, 1]


def test_no_two_marks_share_a_place_and_all_are_inside() -> None:
    root = read(dots(7, 39, out_of=100))
    pictures = [path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("d", "").count("z") > 1]
    fields = [(int(x // 8), int(y // 8)) for path in pictures for x, y in corners(path)]
    assert sorted(fields) == sorted((number % 40, number // 40) for number in range(100))


@pytest.mark.parametrize(("anyway", "because"), [(0, 0), (1000, 0), (0, 1000), (400, 600)])
def test_an_empty_kind_is_drawn_as_nothing(anyway: int, because: int) -> None:
    root = read(dots(anyway, because))
    assert marks(root, "dot-anyway")[0] == anyway
    assert marks(root, "dot-because")[0] == because
    assert marks(root, "dot-not")[0] == 1000 - anyway - because


@pytest.mark.parametrize(("anyway", "because"), [(-1, 10), (10, -1), (600, 401)])
def test_a_picture_that_would_lie_is_refused(anyway: int, because: int) -> None:
    with pytest.raises(ValueError):
        dots(anyway, because)


BARS = [Bar("Gelombang 1", 70, 20, 120), Bar("Gelombang 2", -12, -60, 34)]
TOGETHER = Bar("Gabungan", 62, 45, 79)


def test_a_forest_has_a_line_for_each_wave_and_one_for_all() -> None:
    root = read(forest(BARS, TOGETHER))
    names = [path.get("class") for path in root.iter(f"{SVG}path")]
    assert names.count("forest-bar") == names.count("forest-best") == 2
    assert names.count("forest-overall") == 1
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert texts == [
        "Gelombang 1: +70 (20–120)",
        "Gelombang 2: −12 (−60 sampai +34)",
        "Gabungan: +62 (45–79)",
        "0 = tidak ada beda",
    ]


def test_the_zero_line_stands_between_below_and_above() -> None:
    root = read(forest([Bar("Gelombang 1", 0, -50, 50)], Bar("Gabungan", 0, -50, 50)))
    zero = next(path.get("d", "") for path in root.iter(f"{SVG}path") if path.get("class") == "forest-zero")
    assert zero.startswith("M159.5 ")  # half of 320, half a unit for its width


@pytest.mark.parametrize("overall", [Bar("Gabungan", -47, -68, -26), Bar("Gabungan", 62, 45, 79), Bar("x", 0, 0, 0)])
def test_zero_is_always_in_the_picture(overall: Bar) -> None:
    root = read(forest([], overall))
    for path in root.iter(f"{SVG}path"):
        first = re.match(r"M(-?[\d.]+) ", path.get("d", ""))
        assert first
        assert 0 <= float(first[1]) <= 320


def test_a_range_that_does_not_hold_its_estimate_is_refused() -> None:
    with pytest.raises(ValueError, match="Gelombang 9"):
        forest([Bar("Gelombang 9", 5, 6, 7)], TOGETHER)


@pytest.mark.parametrize("svg", [dots(185, 62), forest(BARS, TOGETHER)])
def test_pictures_speak_to_a_screen_reader_and_load_nothing(svg: str) -> None:
    root = read(svg)
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert root[1].tag == f"{SVG}desc"
    assert "62" in (root[0].text or "")
    assert "62" in (root[1].text or "")
    assert not re.search(r"<script|<style|style=|href|url\(|on\w+=|\bid=", svg)
    assert root.get("viewBox", "").startswith("0 0 320 ")


@pytest.mark.parametrize(
    "svg", [dots(1000, 0), forest([Bar("Gelombang 10, Kecamatan Enggano", -112, -160, -64)], TOGETHER)]
)
def test_letters_are_readable_and_end_inside_a_small_screen(svg: str) -> None:
    root = read(svg)
    size = float(root.get("font-size", "0"))
    assert size >= 12
    for text in root.iter(f"{SVG}text"):
        wide = len(text.text or "") * size * 0.62  # a broad letter of a sans-serif face
        start = float(text.get("x", "0")) - {"start": 0, "middle": wide / 2, "end": wide}[text.get("text-anchor", "")]
        assert start >= -8
        assert start + wide <= 340


def test_a_label_cannot_break_out_of_the_picture() -> None:
    root = read(forest([Bar('</text><script>"&', 1, 0, 2)], TOGETHER))
    assert next(root.iter(f"{SVG}text")).text == '</text><script>"&: +1 (0–2)'
