"""Every export against its committed bytes: what a file says changes only when somebody means it to."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from planner.exports import FILES, export, markdown, picture, provision_v2
from planner.plan import Plan
from tests.exports import plans
from tests.exports.conftest import REWRITE, Golden

PLANS = {
    "tide": plans.a_tide,
    "unsafe": plans.an_unsafe,
    "new-york": plans.in_new_york,
    "dead-nights": plans.dead_nights,
    "huge-peak": plans.a_huge_peak,
}
TEXTS = tuple(name for name in FILES if not name.endswith(".png"))
PIXEL_TOLERANCE = 2.0
"""Mean difference of a colour out of 255: another build of FreeType moves edges, a person sees no change."""


@pytest.fixture(scope="module")
def tide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every export of the tide."""
    folder = tmp_path_factory.mktemp("tide")
    export(plans.a_tide(), folder)
    return folder


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_export_of_the_tide_is_its_golden(name: str, tide: Path, golden: Golden) -> None:
    fresh = (tide / name).read_bytes()
    assert fresh == golden(f"tide/{name}", fresh), f"if you mean it: {REWRITE}"


@pytest.mark.parametrize("kind", ["unsafe", "new-york"])
@pytest.mark.parametrize("module", [markdown, provision_v2], ids=["markdown", "v2"])
def test_the_verdict_and_what_is_left_out_are_their_goldens(kind: str, module: object, golden: Golden) -> None:
    assert module in (markdown, provision_v2)
    chosen = markdown if module is markdown else provision_v2
    fresh = chosen.render(PLANS[kind]()).encode()
    assert fresh == golden(f"{kind}/{chosen.NAME}", fresh), f"if you mean it: {REWRITE}"


@pytest.mark.parametrize("kind", PLANS)
def test_the_picture_looks_like_its_golden(kind: str, golden: Golden) -> None:
    fresh = picture.render(PLANS[kind]())
    ours, theirs = (_pixels(image) for image in (fresh, golden(f"{kind}/plan.png", fresh)))
    assert ours.shape == (900, 1600, 3)
    assert ours.shape == theirs.shape
    assert float(np.abs(ours - theirs).mean()) < PIXEL_TOLERANCE, f"if you mean it: {REWRITE}"


def test_the_same_plan_gives_the_same_bytes(tide: Path, tmp_path: Path) -> None:
    again: Plan = plans.a_tide()
    for path in export(again, tmp_path):
        assert path.read_bytes() == (tide / path.name).read_bytes(), path.name


def _pixels(image: bytes) -> np.ndarray:
    return np.asarray(imread(io.BytesIO(image), format="png"))[:, :, :3].astype(float) * 255
