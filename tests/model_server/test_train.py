"""Training: it learns, it is reproducible, it stops early, and it writes weights, report and card."""

from __future__ import annotations

import csv
import dataclasses
import json
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from model_server import fitting, report
from model_server.data import Example
from model_server.linear import mixed
from model_server.model import WEIGHTS, Moderator
from model_server.network import Shape
from model_server.train import main

SMALL = Shape(hashes=4096, buckets=512, width=16, hidden=16)
OK_WORDS = ("garden", "train", "lunch", "book", "rain", "river", "music", "table")
BAD_WORDS = ("prize", "bonus", "jackpot", "reward", "voucher", "refund", "lottery", "casino")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads of torch that wait for a busy machine's cores make small networks slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def invented(count: int, seed: int = 0) -> list[Example]:
    draw = random.Random(seed)
    fillers = [a + b for a in ("ba", "do", "ki", "lu", "me") for b in ("ran", "tos", "vil", "pem", "gus")]
    return [
        Example(text=" ".join([*draw.sample(fillers, 3), draw.choice(BAD_WORDS if n % 2 else OK_WORDS)]), label=n % 2)
        for n in range(count)
    ]


def fitted(recipe: fitting.Recipe, told: list[str] | None = None, turned: bool = False) -> fitting.Fitted:
    train, dev, held_out = (
        fitting.encode_all(invented(size, seed), SMALL) for size, seed in ((400, 1), (80, 2), (80, 4))
    )
    if turned:
        dev = [dataclasses.replace(item, label=1 - item.label) for item in dev]
    material = fitting.Material(train=[train], dev=[dev], calibration=[held_out])
    return fitting.fit(material, shape=SMALL, recipe=recipe, told=(told if told is not None else []).append)


def right(said: np.ndarray, items: list[fitting.Encoded]) -> int:
    return int(sum((said > 0) == [item.label for item in items]))


def test_it_learns_what_can_be_learnt() -> None:
    test = fitting.encode_all(invented(80, 3), SMALL)
    network = fitted(fitting.Recipe(epochs=8, batch=16)).network
    odds = fitting.odds_of(network, test)
    assert right(odds.chances - 0.5, test) >= 76
    assert right(odds.parts[:, 0], test) >= 76


def test_the_linear_part_decides_by_itself() -> None:
    test = fitting.encode_all(invented(80, 3), SMALL)
    odds = fitting.odds_of(fitted(fitting.Recipe(epochs=1)).network, test)
    assert right(odds.parts[:, 1], test) >= 76


def test_the_same_seed_gives_the_same_network() -> None:
    recipe = fitting.Recipe(epochs=1)
    first, second = fitted(recipe).network.state_dict(), fitted(recipe).network.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = fitted(dataclasses.replace(recipe, seed=1)).network.state_dict()
    assert not torch.equal(first["head.weight"], other["head.weight"])


def judged(odds: np.ndarray, flagged: float, seed: int) -> tuple[np.ndarray, list[fitting.Encoded]]:
    """Texts whose labels follow log-odds of `odds`' first column, plus `flagged`."""
    draw = np.random.default_rng(seed)
    labels = draw.random(len(odds)) < 1 / (1 + np.exp(-(odds[:, 0] + flagged)))
    row = np.zeros(13, np.int32)
    row[1] = 1
    return odds, [fitting.Encoded(rows=row.tobytes(), label=int(label)) for label in labels]


def test_the_mix_takes_shares_from_the_dev_part_and_its_level_from_what_was_held_out() -> None:
    draw = np.random.default_rng(0)
    dev = judged(draw.normal(0, 2, (4000, 2)), 0.0, 1)
    held_out = judged(draw.normal(0, 2, (4000, 2)), -1.0, 2)
    shares = mixed(dev, held_out)
    assert shares[0, 0] == pytest.approx(1, abs=0.15)
    assert shares[1, 0] == pytest.approx(0, abs=0.1)
    assert shares[2, 0] == pytest.approx(-1, abs=0.15)


def test_a_script_that_was_never_seen_keeps_the_mean_of_both_parts() -> None:
    odds = np.random.default_rng(0).normal(0, 2, (50, 2))
    shares = mixed(judged(odds, 0.0, 1), judged(odds, 0.0, 2))
    assert shares[:, 1].tolist() == [0.5, 0.5, 0.0]


def test_it_stops_once_the_dev_loss_rises_and_keeps_the_best_epoch() -> None:
    told: list[str] = []
    worse = fitted(fitting.Recipe(epochs=12, batch=16), told, turned=True)  # what is learnt is wrong on the dev part
    best = worse.dev_losses.index(min(worse.dev_losses))
    assert len(worse.dev_losses) == best + 2 < 12
    assert sum(sentence.startswith("epoch") for sentence in told) == best + 2


def test_small_languages_count_beside_large_ones() -> None:
    large, small = (fitting.encode_all(invented(size), SMALL) for size in (100, 30))
    assert len(fitting.balanced([large, small])) == 100 + 3 * 30
    assert len(fitting.balanced([large, small[:2]])) == 100 + 4 * 2


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    path = tmp_path / "notes.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows((example.text, example.label) for example in invented(300))
    return path


def test_the_command_writes_weights_report_and_card(notes: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main([f"en={notes}", "--out", str(out), "--epochs", "1"]) == 0
    assert Moderator.load(out / "moderation.safetensors", device="cpu").labels == ("ok", "flagged")
    written = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert written["command"] == "python -m model_server.train en=notes.csv --out out --epochs 1"
    assert written["languages"][0]["texts"]["test"] == pytest.approx(90, abs=15)
    (left, wrong), (missed, found) = written["languages"][0]["confusion"]
    assert left + wrong + missed + found == written["languages"][0]["texts"]["test"]
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"| en | F1 | {written['languages'][0]['scores']['F1']['model']['value']:.3f} (" in card


def test_a_file_that_cannot_be_used_is_named_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"en={tmp_path / 'absent.csv'}"]) == 2
    assert "absent.csv" in capsys.readouterr().err


def test_a_card_keeps_its_words_around_the_scores(tmp_path: Path) -> None:
    path = tmp_path / "MODEL_CARD.md"
    path.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    empty = report.Report(
        command="c",
        seed=0,
        dev_losses=(0.5,),
        mix=((0.5, 0.5), (0.5, 0.5), (0.0, 0.0)),
        weights_bytes=1_000_000,
        languages=(),
    )
    report.write_card(path, empty)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "Weights 1.00 MB" in text


def test_the_bundled_card_shows_the_bundled_report() -> None:
    written = json.loads((WEIGHTS.parent / "report.json").read_text(encoding="utf-8"))
    card = (WEIGHTS.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert written["weights_bytes"] == WEIGHTS.stat().st_size
    assert f"`{written['command']}`" in card
    for language in written["languages"]:
        for name, row in language["scores"].items():
            assert f"| {language['name']} | {name} | {row['model']['value']:.3f} (" in card


def test_the_bundled_network_is_no_worse_than_the_baseline_by_any_interval() -> None:
    written = json.loads((WEIGHTS.parent / "report.json").read_text(encoding="utf-8"))
    assert {language["name"] for language in written["languages"]} == {"en", "zh"}
    for language in written["languages"]:
        for name, row in language["scores"].items():
            assert row["difference"]["high"] >= 0, (language["name"], name)
