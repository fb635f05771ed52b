"""Fit the network: a seed, batches of like length, early stopping on the dev parts, then the calibration."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from model_server.data import Example
from model_server.engine import pad
from model_server.linear import linear_weights, mixed
from model_server.model import LENGTHS
from model_server.network import BiLSTM, Shape, pick
from model_server.tokenizer import PAD, ROW_BYTES, encode

SCORING_BATCH = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How the network is fitted."""

    seed: int = 0
    epochs: int = 3
    """At most; the learning rate falls to zero over them."""

    patience: int = 1
    """Epochs without a better dev loss after which fitting ends."""

    batch: int = 64
    learning_rate: float = 3e-3
    dropout: float = 0.4
    feature_dropout: float = 0.3
    """Share of features that each reading of a text goes without."""

    label_smoothing: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """A text's rows and its label."""

    rows: bytes
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What a network is fitted on, each a list per language."""

    train: Sequence[Sequence[Encoded]]
    dev: Sequence[Sequence[Encoded]]
    """Choose the epoch and the linear part's penalty."""

    calibration: Sequence[Sequence[Encoded]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted network, and the dev loss after each epoch that was run."""

    network: BiLSTM
    dev_losses: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Odds:
    """What a network says about texts."""

    parts: np.ndarray
    """Log-odds (texts, 2): the LSTM's, and the linear part's for the text's script."""

    chances: np.ndarray
    """Of label 1, by both parts together."""


def balanced(trains: Sequence[Sequence[Encoded]], most: int = 4) -> list[Encoded]:
    """All languages' examples; a small language's several times, at most `most`, to count beside a large one."""
    largest = max(map(len, trains))
    return [item for train in trains for _ in range(min(most, round(largest / len(train)))) for item in train]


def encode_all(examples: Sequence[Example], shape: Shape) -> list[Encoded]:
    """The examples as the network reads them."""
    return [
        Encoded(rows=encode(example.text, hashes=shape.hashes, max_rows=LENGTHS[-1]), label=example.label)
        for example in examples
    ]


def fit(material: Material, *, shape: Shape, recipe: Recipe, told: Callable[[str], None]) -> Fitted:
    """The calibrated network, of the epoch with the LSTM's least dev loss: the mean of the languages', each alike.

    The same seed, data and machine give the same network. `told` gets one sentence per epoch.
    """
    torch.manual_seed(recipe.seed)
    draw = random.Random(recipe.seed)  # noqa: S311  # no secret
    network = BiLSTM(shape, dropout=recipe.dropout)
    told("fitting the linear part")
    weights = linear_weights(_all(material.train), _all(material.dev), shape.hashes)
    network.linear.copy_(weights)
    train = balanced(material.train)
    steps = recipe.epochs * -(-len(train) // recipe.batch)
    descent = _Descent(network, recipe, steps)
    losses: list[float] = []
    best = copy.deepcopy(network.state_dict())
    for epoch in range(recipe.epochs):
        _epoch(network, train, recipe, descent, draw)
        losses.append(float(np.mean([_log_loss(odds_of(network, dev).parts[:, 0], dev) for dev in material.dev])))
        told(f"epoch {epoch + 1} of at most {recipe.epochs}: dev loss {losses[-1]:.4f}")
        if losses[-1] == min(losses):
            best = copy.deepcopy(network.state_dict())
        elif len(losses) - losses.index(min(losses)) > recipe.patience:
            break
    network.load_state_dict(best)
    dev, held_out = _all(material.dev), _all(material.calibration)
    mix = mixed((odds_of(network, dev).parts, dev), (odds_of(network, held_out).parts, held_out))
    network.mix.copy_(torch.tensor(mix))
    return Fitted(network=network, dev_losses=tuple(losses))


def odds_of(network: BiLSTM, items: Sequence[Encoded]) -> Odds:
    """What the network says, in the order of the items."""
    network.eval()
    order = sorted(range(len(items)), key=lambda place: len(items[place].rows))
    parts, chances = torch.zeros(len(items), 2), torch.zeros(len(items))
    with torch.inference_mode():
        for start in range(0, len(order), SCORING_BATCH):
            places = order[start : start + SCORING_BATCH]
            features, lengths = _tensors([items[place] for place in places])
            counted = pick(network.count(features), features)
            parts[places] = torch.stack((network.read(features, lengths)[:, 0], counted), dim=1)
            chances[places] = torch.sigmoid(network(features, lengths))
    return Odds(parts=parts.numpy(), chances=chances.numpy())


class _Descent:
    """Adam, with a learning rate that rises over a tenth of the steps and then falls to zero."""

    def __init__(self, network: BiLSTM, recipe: Recipe, steps: int) -> None:
        self._parameters = [own for own in network.parameters() if own.requires_grad]
        self._optimizer = torch.optim.Adam(self._parameters)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer, recipe.learning_rate, total_steps=steps, pct_start=0.1
        )

    def step(self, loss: Tensor) -> None:
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimizer.step()
        self._schedule.step()


def _epoch(network: BiLSTM, train: Sequence[Encoded], recipe: Recipe, descent: _Descent, draw: random.Random) -> None:
    network.train()
    for batch in _batches(train, recipe.batch, draw):
        features, lengths = _tensors(batch)
        features = torch.where(torch.rand(features.shape) < recipe.feature_dropout, PAD, features)
        # The linear part is fitted by itself: together, one part leaves to the other what both can say, and the
        # mean of both gains less.
        read = network.read(features, lengths)[:, 0]
        labels = torch.tensor([float(item.label) for item in batch])
        smooth = labels * (1 - recipe.label_smoothing) + recipe.label_smoothing / 2
        descent.step(nn.functional.binary_cross_entropy_with_logits(read, smooth))


def _batches(items: Sequence[Encoded], size: int, draw: random.Random) -> Iterator[list[Encoded]]:
    """Every item once; items of a batch are about equally long, as padding costs time."""
    order = sorted(items, key=lambda item: len(item.rows) // ROW_BYTES + 8 * draw.random())
    starts = list(range(0, len(order), size))
    draw.shuffle(starts)
    return (order[start : start + size] for start in starts)


def _tensors(items: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
    rows = [item.rows for item in items]
    return pad(rows, batch=len(rows), length=max(map(len, rows)) // ROW_BYTES)


def _all(languages: Sequence[Sequence[Encoded]]) -> list[Encoded]:
    return [item for items in languages for item in items]


def _log_loss(odds: np.ndarray, items: Sequence[Encoded]) -> float:
    signs = np.array([2 * item.label - 1 for item in items])
    return float(np.logaddexp(0, -signs * odds).mean())
