"""`current` on its way to `target`: start-up, growth, quotas, failing images."""

from dataclasses import replace

import pytest

from planner.emulator import FunctionSpec
from planner.emulator.models.fleet import draw_startup
from tests.emulator.fc import ASR, emulated

_GPU = replace(ASR, gpu_type="fc.gpu.ada.2", gpu_memory_mb=24576)


def test_an_instance_is_warm_after_its_start_up_time_and_gone_at_once() -> None:
    with emulated() as fc:
        assert fc.put({"defaultTarget": 3})["current"] == 0
        fc.wait(seconds=19)
        assert fc.get()["current"] == 0
        fc.wait(seconds=1)
        assert fc.get()["current"] == 3
        assert fc.put({"defaultTarget": 1})["current"] == 1


def test_lowering_cancels_the_starting_ones_first() -> None:
    with emulated() as fc:
        fc.put({"defaultTarget": 2})
        fc.wait(seconds=20)
        fc.put({"defaultTarget": 5})
        assert fc.put({"defaultTarget": 3})["current"] == 2
        fc.wait(seconds=20)
        assert fc.get()["current"] == 3


def test_start_up_times_are_drawn_from_the_configured_points_and_repeat_with_the_seed() -> None:
    draws = [draw_startup((10.0, 30.0), f"seed/{i}").total_seconds() for i in range(400)]
    assert all(10 <= draw <= 30 for draw in draws)
    assert 19 < sum(draws) / len(draws) < 21
    assert draw_startup((10.0, 30.0), "seed/7").total_seconds() == draws[7]
    assert draw_startup((12.0,), "any").total_seconds() == 12


def test_the_same_seed_gives_the_same_history_and_another_seed_another() -> None:
    spread = replace(ASR, startup_seconds=(5.0, 60.0, 300.0))

    def history(seed: int) -> list[int]:
        with emulated(spread, seed=seed) as fc:
            fc.put({"defaultTarget": 40})
            found = []
            for _ in range(10):
                fc.wait(seconds=15)
                found.append(fc.get()["current"])
            return found

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_growth_is_a_burst_and_then_so_many_a_minute_shared_by_the_region() -> None:
    other = replace(ASR, name="ocr")
    with emulated(ASR, other, growth_burst=10, growth_per_minute=5) as fc:
        fc.put({"defaultTarget": 8}, name="asr")
        answer = fc.put({"defaultTarget": 8}, name="ocr")
        assert answer["currentError"] == "Resources are being replenished"
        fc.wait(seconds=30)
        assert [fc.get(name=n)["current"] for n in ("asr", "ocr")] == [8, 2]
        fc.wait(seconds=60)
        assert (fc.get(name="ocr")["current"], fc.get(name="ocr")["currentError"]) == (7, GROWING)
        fc.wait(seconds=60)
        assert (fc.get(name="ocr")["current"], fc.get(name="ocr")["currentError"]) == (8, "")


GROWING = "Resources are being replenished"


@pytest.mark.parametrize(
    ("function", "switches", "error"),
    [
        (ASR, {"region_instances": 5}, "Reserve resource exceeded limit"),
        (
            _GPU,
            {"gpu_cards_per_type": 5},
            "Account's total GPU usage of 'fc.gpu.ada.2' exceeded",
        ),
    ],
    ids=["instances of the region", "GPU cards"],
)
def test_at_the_quota_current_stays_under_target_until_there_is_room(
    function: FunctionSpec, switches: dict[str, int], error: str
) -> None:
    with emulated(function, **switches) as fc:  # type: ignore[arg-type]
        fc.put({"defaultTarget": 4}, "canary")
        fc.put({"defaultTarget": 3})
        fc.wait(minutes=5)
        config = fc.get()
        assert (config["target"], config["current"], config["currentError"]) == (3, 1, error)
        fc.delete("canary")
        fc.wait(minutes=2)
        config = fc.get()
        assert (config["current"], config["currentError"]) == (3, "")


def test_an_image_that_cannot_be_pulled_is_told_in_current_error_until_it_is_mended() -> None:
    with emulated(replace(ASR, image_pull_error="image not found")) as fc:
        assert fc.put({"defaultTarget": 2})["currentError"] == "image not found"
        fc.wait(minutes=5)
        assert fc.get()["current"] == 0
        fc.emulator.put_function(ASR)
        fc.wait(minutes=2)
        assert (fc.get()["current"], fc.get()["currentError"]) == (2, "")
