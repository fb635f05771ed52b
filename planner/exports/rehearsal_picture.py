"""`rehearsal.png`: demand, instances and every request's latency under each policy; below it percentiles and hours.

Drawn as `plan.png` is: matplotlib's own defaults, its bundled font, no time stamp, the colours of Okabe and Ito.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.exports.picture import LEFT, RIGHT, SMALL_SIZE, TITLE_SIZE, TOP, as_png, wrapped
from planner.exports.rehearsal_words import grounds, headline
from planner.rehearsal.measured import Rehearsal

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "rehearsal.png"
GAP = 0.028
"""Between two columns."""
SAID = 3
"""Sentences of the grounds beneath the title; all of them are in rehearsal.json."""


def render(found: Rehearsal) -> bytes:
    """A PNG of 1600 x 900."""
    return as_png(lambda figure: _draw(figure, found))


def _draw(figure: Figure, found: Rehearsal) -> None:
    from planner.exports import rehearsal_panels  # noqa: PLC0415  # imports matplotlib

    top = _header(figure, found) - 0.058
    width = (RIGHT - LEFT - GAP * (len(found.runs) - 1)) / len(found.runs)
    for place, run in enumerate(found.runs):
        left = LEFT + place * (width + GAP)
        above = figure.add_axes((left, 0.555, width, top - 0.555))
        rehearsal_panels.draw_instances(above, found, run, first=not place)
        rehearsal_panels.draw_requests(figure.add_axes((left, 0.315, width, 0.215)), found, run, first=not place)
    rehearsal_panels.draw_percentiles(figure.add_axes((LEFT + 0.07, 0.075, 0.5, 0.14)), found)
    rehearsal_panels.draw_hours(figure.add_axes((0.68, 0.075, RIGHT - 0.68, 0.14)), found)


def _header(figure: Figure, found: Rehearsal) -> float:
    """The verdict as the title, the grounds beneath; gives the height where the header ends."""
    title = wrapped(headline(found), TITLE_SIZE, RIGHT - LEFT, weight="bold")
    figure.text(LEFT, TOP, "\n".join(title), size=TITLE_SIZE, weight="bold", va="top", linespacing=1.25)
    height = TOP - 0.036 * len(title) - 0.008
    for text in grounds(found)[:SAID]:
        for line in wrapped(text, SMALL_SIZE, RIGHT - LEFT):
            figure.text(LEFT, height, line, size=SMALL_SIZE, color="#5f6368", va="top")
            height -= 0.026
    return height
