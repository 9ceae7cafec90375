"""The picture of an answer as SVG: drawn on the server, for a wide and a narrow place, in words and in shapes.

Colour carries nothing alone: the window is hatched, lines differ in their strokes, levels in their marks. All looks are
classes of the stylesheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from tdm_api.page.axis import hours_between, round_above, time_ticks, value_ticks
from tdm_api.page.scene import Line, Mark, Scene
from tdm_api.page.texts import Texts

# Levels are named with their number while there is room.
MOST_NAMED_LEVELS = 14
LABEL_PX = 15.0


class Size(NamedTuple):
    """A drawing area in px: the whole, the margins, and about how many ticks fit."""

    name: str
    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    time_ticks: int
    value_ticks: int


WIDE = Size("wide", 760, 380, 58, 16, 44, 56, 9, 6)
NARROW = Size("narrow", 340, 330, 40, 8, 44, 54, 4, 6)


def drawn(scene: Scene, t: Texts) -> Mapping[str, str]:
    """Return the picture as SVG text (ng/mL over time), once for a wide and once for a narrow place."""
    return {size.name: tostring(_Canvas(scene, size, t).svg(), encoding="unicode") for size in (WIDE, NARROW)}


class _Canvas:
    """One drawing of a scene at one size."""

    def __init__(self, scene: Scene, size: Size, t: Texts) -> None:
        self.scene, self.size, self.t = scene, size, t
        self.high, self.step = round_above(scene.top * 1.04, size.value_ticks)
        self.span = max(hours_between(scene.first, scene.last), 1.0)
        self.right, self.base = size.width - size.right, size.height - size.bottom

    def x(self, hour: float) -> float:
        return round(self.size.left + (self.right - self.size.left) * hour / self.span, 1)

    def y(self, value: float) -> float:
        return round(self.base - (self.base - self.size.top) * value / self.high, 1)

    def svg(self) -> Element:
        name, t = self.size.name, self.t
        root = Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "class": f"picture picture-{name}",
                "viewBox": f"0 0 {self.size.width:g} {self.size.height:g}",
                "role": "img",
                "aria-labelledby": f"picture-{name}-title picture-{name}-desc",
            },
        )
        SubElement(root, "title", {"id": f"picture-{name}-title"}).text = t("picture.title")
        SubElement(root, "desc", {"id": f"picture-{name}-desc"}).text = self.scene.description
        _hatch(root, f"hatch-{name}")
        self._window(root)
        self._axes(root)
        self._curves(root)
        self._moments(root)
        self._levels(root)
        return root

    def _window(self, root: Element) -> None:
        if self.scene.window is None:
            return
        low, high = self.scene.window
        group = SubElement(root, "g", {"class": "window", "data-part": "window"})
        top, bottom = self.y(high), self.y(low)
        area = {"x": self.size.left, "y": top, "width": self.right - self.size.left, "height": round(bottom - top, 1)}
        shape = {name: f"{value:g}" for name, value in area.items()}
        SubElement(group, "rect", {**shape, "class": "window-fill"})
        SubElement(group, "rect", {**shape, "fill": f"url(#hatch-{self.size.name})"})
        for value in (low, high):
            self._segment(group, "window-edge", (self.size.left, self.y(value)), (self.right, self.y(value)))
        words = self.t("picture.window", low=f"{low:g}", high=f"{high:g}")
        x, y, anchor = self._free_place(top, bottom, _width(words))
        self._text(group, f"label{anchor}", x, y, words)

    def _free_place(self, top: float, bottom: float, width: float) -> tuple[float, float, str]:
        """Where the window's name covers no curve: inside the window or above it, at either end; else at the left."""
        ends = ((self.size.left + 6, ""), (self.right - 6, " end"))
        places = [(x, y, anchor) for y in (top + 15, bottom - 6, top - 6) for x, anchor in ends]
        free = (one for one in places if not self._covers(one[0] - (width if one[2] else 0), one[1], width))
        return next(free, places[0])

    def _covers(self, left: float, foot: float, width: float) -> bool:
        """Whether a line of text would lie on a band or on its curve, on a level or on its number."""
        for mark in self.scene.marks:
            x, y = self.x(mark.hour), self.y(mark.value)
            if left - 12 < x < left + width + 60 and foot - 36 < y < foot + 26:
                return True
        for line in (self.scene.so_far, self.scene.ahead):
            for hour, low, high in zip(line.hours, line.p05, line.p95, strict=True):
                if left - 6 <= self.x(hour) <= left + width + 6 and self.y(high) - 4 < foot < self.y(low) + 16:
                    return True
        return False

    def _axes(self, root: Element) -> None:
        group = SubElement(root, "g", {"class": "axes"})
        for tick in value_ticks(self.high, self.step):
            y = self.y(tick.at)
            self._segment(group, "grid", (self.size.left, y), (self.right, y))
            self._text(group, "tick end", self.size.left - 6, y + 4, tick.label)
        for tick in time_ticks(self.scene.first, self.scene.last, self.size.time_ticks):
            x = self.x(tick.at)
            self._segment(group, "tick-line", (x, self.base), (x, self.base + 5))
            inside = self.right - x > 16
            self._text(
                group, "tick middle" if inside else "tick end", x if inside else self.right, self.base + 19, tick.label
            )
        self._segment(group, "axis", (self.size.left, self.base), (self.right, self.base))
        self._segment(group, "axis", (self.size.left, self.size.top), (self.size.left, self.base))
        self._text(group, "axis-title", 2, 14, self.t("picture.y_title"))
        self._text(group, "axis-title end", self.right, self.size.height - 8, self._time_title())

    def _time_title(self) -> str:
        first, last = self.scene.first, self.scene.last
        if not isinstance(first, datetime) or not isinstance(last, datetime):
            return self.t("picture.x_hours")
        years = f"{first.year}" if first.year == last.year else f"{first.year}-{last.year}"
        return self.t("picture.x_dates", year=years)

    def _curves(self, root: Element) -> None:
        scene = self.scene
        for line, name in ((scene.so_far, "history"), (scene.ahead, "ahead")):
            if len(line.hours) > 1:
                group = SubElement(root, "g", {"class": name, "data-part": name})
                SubElement(group, "polygon", {"points": self._band(line), "class": f"{name}-band"})
                if name == "ahead":
                    self._polyline(group, "band-edge", line.hours, line.p05)
                    self._polyline(group, "band-edge", line.hours, line.p95)
                self._polyline(group, f"{name}-line", line.hours, line.median)
        if scene.other is not None:
            self._polyline(root, "other-line", scene.other.hours, scene.other.median)

    def _moments(self, root: Element) -> None:
        scene, top = self.scene, self.size.top
        now, start = self.x(scene.now), self.x(scene.start)
        together = scene.begins and abs(now - start) < 3
        group = SubElement(root, "g", {"class": "now", "data-part": "now"})
        self._segment(group, "now-line", (now, top - 8), (now, self.base))
        self._flag(group, now, self.t("picture.now_start" if together else "picture.now"), before=True)
        if not scene.begins:
            return
        group = SubElement(root, "g", {"class": "start", "data-part": "start"})
        SubElement(group, "path", {"class": "start-mark", "d": f"M{start:g} {self.base - 10:g}l5 10h-10z"})
        if not together:
            self._segment(group, "start-line", (start, top - 8), (start, self.base))
            self._flag(group, start, self.t("picture.start"), before=False)

    def _flag(self, group: Element, x: float, words: str, before: bool) -> None:
        """A word at the head of a vertical line, on the side where there is room."""
        room, y = _width(words) + 6, self.size.top - 12
        after = x - self.size.left < room if before else self.right - x > room
        self._text(group, "label" if after else "label end", x + 3 if after else x - 3, y, words)

    def _levels(self, root: Element) -> None:
        group = SubElement(root, "g", {"class": "levels", "data-part": "levels"})
        taken: list[tuple[float, float, float]] = []
        # the last levels matter most: they get their numbers first
        for mark in reversed(self.scene.marks):
            x, y = self.x(mark.hour), self.y(mark.value)
            SubElement(group, "path", {"class": _look(mark), "d": _shape(mark, x, y), "data-level": mark.number})
            words = mark.number if mark.used else f"{mark.number} ({self.t('picture.unfitted')})"
            width = 1.15 * _width(words)
            left = x - self.size.left > width + 12
            # a trough is the lowest point of its curve: below it there is room
            foot = y + 19 if self.base - y > 30 else y - 7
            place = (x - 8 - width if left else x + 8, width, foot)
            if len(taken) < MOST_NAMED_LEVELS and not any(_overlap(place, one) for one in taken):
                taken.append(place)
                self._text(group, "level-label end" if left else "level-label", x - 8 if left else x + 8, foot, words)

    def _band(self, line: Line) -> str:
        there = [f"{self.x(h)},{self.y(v)}" for h, v in zip(line.hours, line.p95, strict=True)]
        back = [f"{self.x(h)},{self.y(v)}" for h, v in zip(line.hours, line.p05, strict=True)]
        return " ".join([*there, *reversed(back)])

    def _polyline(self, group: Element, name: str, hours: tuple[float, ...], values: tuple[float, ...]) -> None:
        points = " ".join(f"{self.x(h)},{self.y(v)}" for h, v in zip(hours, values, strict=True))
        SubElement(group, "polyline", {"class": name, "points": points, "fill": "none"})

    def _segment(self, group: Element, name: str, a: tuple[float, float], b: tuple[float, float]) -> None:
        ends = {"x1": a[0], "y1": a[1], "x2": b[0], "y2": b[1]}
        SubElement(group, "line", {"class": name, **{key: f"{value:g}" for key, value in ends.items()}})

    def _text(self, group: Element, name: str, x: float, y: float, words: str) -> None:
        SubElement(group, "text", {"class": name, "x": f"{x:g}", "y": f"{y:g}"}).text = words


def _width(words: str) -> float:
    """About how wide a label is, px: a Chinese character takes the room of two Latin ones."""
    return sum(14.0 if ord(character) > 0x2E7F else 7.4 for character in words)


def _overlap(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """Whether two labels, each a left end, a width and a foot in px, lie upon each other."""
    return one[0] < other[0] + other[1] and other[0] < one[0] + one[1] and abs(one[2] - other[2]) < LABEL_PX


def _hatch(root: Element, name: str) -> None:
    frame = {
        "id": name,
        "width": "7",
        "height": "7",
        "patternUnits": "userSpaceOnUse",
        "patternTransform": "rotate(45)",
    }
    pattern = SubElement(SubElement(root, "defs"), "pattern", frame)
    SubElement(pattern, "line", {"class": "hatch", "x1": "0", "y1": "0", "x2": "0", "y2": "7"})


def _look(mark: Mark) -> str:
    return f"level {'level-below' if mark.below else 'level-measured'}{'' if mark.used else ' level-unused'}"


def _shape(mark: Mark, x: float, y: float) -> str:
    """A diamond for a measured level; an open triangle that points down for one below a limit."""
    return f"M{x - 6:g} {y - 5:g}h12l-6 10z" if mark.below else f"M{x:g} {y - 6:g}l6 6l-6 6l-6-6z"


def _key(*shapes: tuple[str, dict[str, str]]) -> str:
    frame = {"class": "key picture", "viewBox": "0 0 34 16", "aria-hidden": "true", "focusable": "false"}
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **frame})
    for tag, attributes in shapes:
        SubElement(root, tag, attributes)
    return tostring(root, encoding="unicode")


_BAR = {"x": "0", "y": "2", "width": "34", "height": "12"}
_MIDDLE = {"x1": "0", "y1": "8", "x2": "34", "y2": "8"}
# The signs of the legend, drawn as they are in the picture.
LEGEND: Mapping[str, str] = {
    "history": _key(("rect", {"class": "history-band", **_BAR}), ("line", {"class": "history-line", **_MIDDLE})),
    "ahead": _key(("rect", {"class": "ahead-band", **_BAR}), ("line", {"class": "ahead-line", **_MIDDLE})),
    "other": _key(("line", {"class": "other-line", **_MIDDLE})),
    "window": _key(
        ("rect", {"class": "window-fill", **_BAR}),
        ("line", {"class": "window-edge", **{**_MIDDLE, "y1": "2", "y2": "2"}}),
        ("line", {"class": "window-edge", **{**_MIDDLE, "y1": "14", "y2": "14"}}),
    ),
    "level": _key(("path", {"class": "level level-measured", "d": _shape(Mark(0, 0, False, True), 17, 8)})),
    "below": _key(("path", {"class": "level level-below", "d": _shape(Mark(0, 0, True, True), 17, 8)})),
    "unused": _key(
        ("path", {"class": "level level-measured level-unused", "d": _shape(Mark(0, 0, False, False), 17, 8)})
    ),
}
