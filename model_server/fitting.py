"""Fit the network: a seed, batches of like length, early stopping on the dev parts, one temperature."""

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
from model_server.linear import linear_weights
from model_server.model import LENGTHS
from model_server.network import BiLSTM, Shape
from model_server.tokenizer import PAD, encode

SCORING_BATCH = 256
TEMPERATURES = np.geomspace(0.25, 4, 161)


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
    """A text's feature rows and its label."""

    rows: Sequence[tuple[int, ...]]
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A fitted network with its temperature, and the dev loss after each epoch that was run."""

    network: BiLSTM
    temperature: float
    dev_losses: tuple[float, ...]


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


def fit(
    train: Sequence[Encoded],
    devs: Sequence[Sequence[Encoded]],
    *,
    shape: Shape,
    recipe: Recipe,
    told: Callable[[str], None],
) -> Fitted:
    """The network of the epoch with the least dev loss: the mean of the languages', so that each counts alike.

    The same seed, data and machine give the same network. `told` gets one sentence per epoch.
    """
    torch.manual_seed(recipe.seed)
    draw = random.Random(recipe.seed)  # noqa: S311  # no secret
    network = BiLSTM(shape, dropout=recipe.dropout)
    told("fitting the linear part")
    network.linear.weight.requires_grad_(False).copy_(linear_weights(train, devs, shape.hashes))
    steps = recipe.epochs * -(-len(train) // recipe.batch)
    descent = _Descent(network, recipe, steps)
    losses: list[float] = []
    best = copy.deepcopy(network.state_dict())
    for epoch in range(recipe.epochs):
        _epoch(network, train, recipe, descent, draw)
        losses.append(float(np.mean([_log_loss(logits_of(network, dev), _labels(dev), 1.0) for dev in devs])))
        told(f"epoch {epoch + 1} of at most {recipe.epochs}: dev loss {losses[-1]:.4f}")
        if losses[-1] == min(losses):
            best = copy.deepcopy(network.state_dict())
        elif len(losses) - losses.index(min(losses)) > recipe.patience:
            break
    network.load_state_dict(best)
    return Fitted(network=network, temperature=_temperature(network, devs), dev_losses=tuple(losses))


def logits_of(network: BiLSTM, items: Sequence[Encoded]) -> Tensor:
    """Logits (texts, classes) in the order of the items."""
    network.eval()
    order = sorted(range(len(items)), key=lambda place: len(items[place].rows))
    logits = torch.zeros(len(items), network.head.out_features)
    with torch.inference_mode():
        for start in range(0, len(order), SCORING_BATCH):
            places = order[start : start + SCORING_BATCH]
            logits[places] = network(*_tensors([items[place] for place in places]))
    return logits


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
        read, _ = network.parts(features, lengths)
        loss = nn.functional.cross_entropy(read, _labels(batch), label_smoothing=recipe.label_smoothing)
        descent.step(loss)


def _batches(items: Sequence[Encoded], size: int, draw: random.Random) -> Iterator[list[Encoded]]:
    """Every item once; items of a batch are about equally long, as padding costs time."""
    order = sorted(items, key=lambda item: len(item.rows) + 8 * draw.random())
    starts = list(range(0, len(order), size))
    draw.shuffle(starts)
    return (order[start : start + size] for start in starts)


def _tensors(items: Sequence[Encoded]) -> tuple[Tensor, Tensor]:
    rows = [item.rows for item in items]
    return pad(rows, batch=len(rows), length=max(1, *map(len, rows), 1))


def _labels(items: Sequence[Encoded]) -> Tensor:
    return torch.tensor([item.label for item in items])


def _temperature(network: BiLSTM, devs: Sequence[Sequence[Encoded]]) -> float:
    """The temperature with the least dev loss (Guo et al. 2017, https://arxiv.org/abs/1706.04599)."""
    scored = [(logits_of(network, dev), _labels(dev)) for dev in devs]
    losses = [sum(_log_loss(logits, labels, float(at)) for logits, labels in scored) for at in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


def _log_loss(logits: Tensor, labels: Tensor, temperature: float) -> float:
    return float(nn.functional.cross_entropy(logits / temperature, labels))
