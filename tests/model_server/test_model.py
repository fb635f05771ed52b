"""The moderator: its weights file, its fixed shapes, and that a text's answer is its own."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from model_server import engine, tokenizer
from model_server.model import BATCHES, LENGTHS, WEIGHTS, Moderator
from model_server.network import BiLSTM, Shape

TEXTS = ["see you at noon", "win", "今天天气很好", "", "many words " * 100, "\ud800 broken"]
SMALL = Shape(hashes=512, buckets=64, width=8, hidden=8)


@pytest.fixture(scope="module")
def moderator() -> Moderator:
    return Moderator.load(device="cpu")


def small_network() -> BiLSTM:
    torch.manual_seed(0)
    network = BiLSTM(SMALL).eval()
    with torch.no_grad():
        network.embedding.normal_()
        network.linear.normal_()
        network.mix.normal_()
    return network


def written(*rows: tuple[int, ...]) -> bytes:
    """Rows as the tokenizer gives them."""
    return b"".join(
        struct.pack(f"={tokenizer.FEATURES}i", *row, *[0] * (tokenizer.FEATURES - len(row))) for row in rows
    )


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.safetensors"
    engine.save(path, small_network(), shape=SMALL, labels=("fine", "bad"))
    return path


@pytest.mark.parametrize("module", ["model_server", "model_server.model", "model_server.tokenizer"])
def test_the_package_is_imported_without_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_texts_probabilities_do_not_depend_on_its_batch(moderator: Moderator) -> None:
    together = moderator.predict(TEXTS)
    for text, prediction in zip(TEXTS, together, strict=True):
        alone = moderator.predict([text])[0]
        assert alone.probabilities == pytest.approx(prediction.probabilities, abs=1e-5)


def test_probabilities_are_of_the_labels_and_sum_to_one(moderator: Moderator) -> None:
    assert moderator.labels == ("ok", "flagged")
    for text, prediction in zip(TEXTS, moderator.predict(TEXTS), strict=True):
        assert prediction.text == text
        assert sum(prediction.probabilities) == pytest.approx(1)
        assert prediction.probabilities[prediction.label] == max(prediction.probabilities)
        assert prediction.label_name == moderator.labels[prediction.label]


def test_the_bundled_weights_tell_an_advert_from_a_meeting(moderator: Moderator) -> None:
    advert, meeting = moderator.predict(
        [
            "WINNER!! You have won a FREE prize of £1000, call 09061234567 now to claim",
            "ok, see you at six",
        ]
    )
    assert advert.label_name == "flagged"
    assert meeting.label_name == "ok"


def test_what_follows_the_longest_shape_is_not_read(moderator: Moderator) -> None:
    first = "word " * LENGTHS[-1]
    cut, whole = moderator.predict([first, first + "FREE prize call now"])
    assert cut.probabilities == whole.probabilities


@pytest.mark.parametrize("count", [0, BATCHES[-1] + 1])
def test_no_text_and_too_many_are_refused(moderator: Moderator, count: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 32 texts"):
        moderator.predict(["a"] * count)


def test_the_network_sees_warmed_shapes_only(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = set()
    forward = BiLSTM.forward

    def spy(self: BiLSTM, features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        seen.add(tuple(features.shape[:2]))
        return forward(self, features, lengths)

    monkeypatch.setattr(BiLSTM, "forward", spy)
    moderator = Moderator.load(small, device="cpu")
    moderator.warm_up()
    assert seen == set(moderator.shapes)
    for count in range(1, 33):
        moderator.predict(["a b " * count] * count)
    assert seen == set(moderator.shapes)


@pytest.mark.parametrize("script", [1, 2])
def test_padding_changes_nothing(script: int) -> None:
    network = small_network()
    rows = [written((0, script), (1, 2, 3), (4, 9), (5, 6))]
    short = network(*engine.pad(rows, batch=1, length=4))
    long = network(*engine.pad(rows, batch=8, length=32))
    torch.testing.assert_close(long[:1], short)


def test_each_direction_reads_the_whole_text() -> None:
    network = small_network()
    rows = [written((0, 1), (9, 11), (9, 12), (9, 13)), written((0, 1), (9, 13), (9, 12), (9, 11))]
    ordered, turned = network.read(*engine.pad(rows, batch=2, length=8))
    assert not torch.allclose(ordered, turned)


def test_the_second_direction_is_an_lstm_over_the_text_turned_round() -> None:
    network = small_network()
    features, lengths = engine.pad([written((0, 1), (0, 11), (0, 12), (0, 13))], batch=1, length=8)
    embedded = network.embedding[features[0, :4, 1].long()]
    left, right = network.forwards(embedded)[0], network.backwards(embedded.flip(0))[0]
    both = torch.cat((left, right), dim=1)
    expected = network.head(torch.cat((both.amax(0), both.mean(0))))
    torch.testing.assert_close(network.read(features, lengths)[0], expected)


def test_each_script_has_weights_and_a_mix_of_its_own() -> None:
    network = small_network()
    texts = [written((0, script), (7, 8, 9)) for script in (1, 2)]
    features, lengths = engine.pad(texts, batch=2, length=4)
    counted = network.linear[[7, 8, 9]].sum(0) / 3**0.5
    read = network.read(features, lengths)[:, 0]
    expected = network.mix[0] * read + network.mix[1] * counted + network.mix[2]
    torch.testing.assert_close(network(features, lengths), expected)


def test_weights_come_back_as_they_were_saved(small: Path) -> None:
    moderator = Moderator.load(small, device="cpu")
    assert moderator.labels == ("fine", "bad")
    row = tokenizer.encode("hello there", hashes=SMALL.hashes, max_rows=8)
    odds = small_network()(*engine.pad([row], batch=1, length=8))
    expected = torch.sigmoid(odds)[0].item()
    assert moderator.predict(["hello there"])[0].probabilities[1] == pytest.approx(expected, abs=5e-3)


def test_the_bundled_weights_are_small_and_no_pickle() -> None:
    assert WEIGHTS.stat().st_size <= 5_000_000
    assert WEIGHTS.read_bytes()[8:9] == b"{"  # safetensors: eight bytes of length, then JSON


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="absent"):
        Moderator.load(tmp_path / "absent.safetensors")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"no weights at all")
    with pytest.raises(ValueError, match="holds no weights of this network"):
        Moderator.load(path)


@pytest.mark.parametrize(
    ("asked", "capability", "expected"),
    [
        (None, None, ("cpu", torch.float32)),
        ("cpu", (9, 0), ("cpu", torch.float32)),
        (None, (6, 1), ("cuda", torch.float32)),
        ("cuda", (7, 0), ("cuda", torch.float16)),
        (None, (9, 0), ("cuda", torch.float16)),
    ],
)
def test_the_device_and_the_type_follow_the_capability(
    asked: str | None, capability: tuple[int, int] | None, expected: tuple[str, torch.dtype]
) -> None:
    assert engine.pick_device(asked, capability) == expected


@pytest.mark.parametrize(("asked", "match"), [("cuda", "no CUDA device"), ("tpu", "cpu or cuda")])
def test_a_device_that_is_not_there_is_refused(asked: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        engine.pick_device(asked, None)
