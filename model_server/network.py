"""The network: a bidirectional LSTM over hashed features, beside a linear model of the same features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_server.model import LENGTHS
from model_server.tokenizer import PAD, SCRIPTS

_BELOW = -2.0
"""Less than any state of an LSTM, which lies between -1 and 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a network: what its weights file says beside the weights."""

    hashes: int = 262144
    """Features that the linear part tells apart, `PAD` among them."""

    buckets: int = 24576
    """Rows of the embedding table, `PAD`'s among them; features share rows."""

    width: int = 64
    """Length of an embedding."""

    hidden: int = 64
    """State of the LSTM in one direction."""


class BiLSTM(nn.Module):
    """A bidirectional LSTM over tokens; padding changes nothing, so a text's answer is that of any batch.

    The two directions are two networks, the second of which reads each text reversed within its own
    length: a plain bidirectional LSTM would read the padding before the text, and a packed one has
    no fixed shape to warm. The linear part has a weight per feature and script, as a bag of words has: rare features
    get their own, while in the embedding table they share rows. It alone reads a token's first feature, the triple, of
    which there are too many for that table.

    Both give the log-odds that a text is to be flagged. What they come to together is `mix`: by script, the share of
    the LSTM, that of the linear part and a constant, by which the sum is calibrated.
    """

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        # What was never seen in training stays at the start: it must say nothing.
        self.linear = nn.Parameter(torch.zeros(shape.hashes, len(SCRIPTS)), requires_grad=False)
        self.embedding = nn.Parameter(torch.randn(shape.buckets, shape.width) * 0.05)
        self.forwards = nn.LSTM(shape.width, shape.hidden, batch_first=True)
        self.backwards = nn.LSTM(shape.width, shape.hidden, batch_first=True)
        self.head = nn.Linear(4 * shape.hidden, 1)
        self.mix = nn.Parameter(torch.tensor([[0.5], [0.5], [0.0]]).repeat(1, len(SCRIPTS)), requires_grad=False)
        self.dropout = dropout
        # For texts of 0 to so many rows: where each row goes when the text is turned round, and its share of the mean.
        place = torch.arange(LENGTHS[-1])
        length = torch.arange(LENGTHS[-1] + 1)[:, None]
        inside = place < length
        self.places: Tensor
        self.shares: Tensor
        self.register_buffer("places", torch.where(inside, length - 1 - place, place), persistent=False)
        self.register_buffer("shares", inside / length.clamp(min=1), persistent=False)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Log-odds (batch) of features (batch, rows, features of a row) and lengths (batch) in rows, none zero."""
        by_script = self.mix[0] * self.read(features, lengths) + self.mix[1] * self.count(features) + self.mix[2]
        return pick(by_script, features)

    def count(self, features: Tensor) -> Tensor:
        """The linear part's log-odds (batch, scripts): the features' sum over the root of their number."""
        tokens = features[:, 1:].flatten(1)  # without the script's row
        seen = tokens.count_nonzero(1).clamp_(min=1)  # PAD is zero
        return _bag(self.linear, tokens) / seen.to(self.linear.dtype).sqrt_()[:, None]

    def read(self, features: Tensor, lengths: Tensor) -> Tensor:
        """The LSTM's log-odds (batch, 1): of its states over a text, their largest and their mean."""
        batch, tokens, _ = features.shape
        # A triple is the linear part's alone. A feature that falls on PAD's row says nothing, one in buckets of them.
        rows = features[:, :, 1:].flatten(0, 1) % len(self.embedding)
        embedded = self._dropped(_bag(self.embedding, rows))
        places, shares = self.places[lengths, :tokens], self.shares[lengths, :tokens]
        mirror = places + torch.arange(0, batch * tokens, tokens, device=features.device)[:, None]
        shape = (batch, tokens, -1)
        left = _states(self.forwards, embedded.view(shape))
        right = _states(self.backwards, embedded.index_select(0, mirror.view(-1)).view(shape))
        # The largest and the mean do not ask for the order: what was read backwards stays so.
        states = torch.cat((left, right), dim=2)
        mean = (shares[:, None] @ states)[:, 0]
        largest = states.masked_fill_(shares[..., None] == 0, _BELOW).amax(1)
        odds: Tensor = self.head(self._dropped(torch.cat((largest, mean), dim=1)))
        return odds

    def _dropped(self, values: Tensor) -> Tensor:
        return functional.dropout(values, self.dropout) if self.training else values


def _states(lstm: nn.LSTM, embedded: Tensor) -> Tensor:
    """The states (batch, tokens, hidden): `lstm(embedded)` without its checks, which cost as much as an operation."""
    zero = embedded.new_zeros(1, embedded.shape[0], lstm.hidden_size)
    weights: list[Tensor] = [*lstm.all_weights[0]]
    states: Tensor = torch.lstm(embedded, (zero, zero), weights, True, 1, 0.0, lstm.training, False, True)[0]
    return states


def _bag(table: Tensor, rows: Tensor) -> Tensor:
    """The sums of a table's rows, PAD's left out."""
    count, size = rows.shape
    offsets = torch.arange(0, count * size, size, dtype=rows.dtype, device=rows.device)
    sums: Tensor = torch.embedding_bag(table, rows.flatten(), offsets, False, 0, False, None, False, PAD)[0]
    return sums


def pick(by_script: Tensor, features: Tensor) -> Tensor:
    """Of the columns, that of each text's script (batch); the first for a text without rows."""
    script = (features[:, :1, 1].long() - 1).clamp_(min=0)
    return by_script.gather(1, script)[:, 0]
