"""The network: a bidirectional LSTM over hashed features, beside a linear model of the same features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model_server.tokenizer import PAD


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

    classes: int = 2


class BiLSTM(nn.Module):
    """A bidirectional LSTM over tokens; padding changes nothing, so a text's answer is that of any batch.

    The two directions are two networks, the second of which reads each text reversed within its own
    length: a plain bidirectional LSTM would read the padding before the text, and a packed one has
    no fixed shape to warm. The linear part has a weight per feature, as a bag of words has: rare ones get
    their own, while in the embedding table they share rows. It alone reads a token's first feature, the triple,
    of which there are too many for that table.
    """

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.EmbeddingBag(shape.hashes, shape.classes, mode="sum", padding_idx=PAD)
        self.embedding = nn.EmbeddingBag(shape.buckets, shape.width, mode="sum", padding_idx=PAD)
        self.forwards = nn.LSTM(shape.width, shape.hidden, batch_first=True)
        self.backwards = nn.LSTM(shape.width, shape.hidden, batch_first=True)
        self.head = nn.Linear(4 * shape.hidden, shape.classes)
        self.dropout = nn.Dropout(dropout)
        # What was never seen in training stays at the start: it must say nothing.
        nn.init.zeros_(self.linear.weight)
        nn.init.normal_(self.embedding.weight, std=0.05)
        with torch.no_grad():
            self.embedding.weight[PAD] = 0

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Logits (batch, classes) of features (batch, tokens, features of a token) and lengths (batch), none zero."""
        read, counted = self.parts(features, lengths)
        return (read + counted) / 2

    def parts(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of the LSTM and those of the linear part, each fit for use alone; `forward` is their mean."""
        read: Tensor = self.head(self.dropout(self._read(features, lengths)))
        # The first row is the text's script: its weight is the intercept, which no length divides.
        text, tokens = features[:, 0], features[:, 1:]
        bag: Tensor = self.linear(tokens.flatten(1))
        seen = (tokens != PAD).sum((1, 2)).clamp(min=1)
        intercept: Tensor = self.linear(text)
        return read, intercept + bag / seen.to(bag.dtype).sqrt()[:, None]

    def _read(self, features: Tensor, lengths: Tensor) -> Tensor:
        """The LSTM's states over a text, their largest and their mean: (batch, 4 * hidden)."""
        # A token's triple is the linear part's alone; the script's row has no triple.
        features = features.clone()
        features[:, 1:, 0] = PAD
        batch, tokens, _ = features.shape
        rows = torch.where(features == PAD, PAD, features % (self.embedding.num_embeddings - 1) + 1)
        embedded = self.dropout(self.embedding(rows.flatten(0, 1)).unflatten(0, (batch, tokens)))
        position = torch.arange(tokens, device=features.device)
        inside = position < lengths[:, None]
        mirror = torch.where(inside, lengths[:, None] - 1 - position, position)[..., None]
        left, _ = self.forwards(embedded)
        right, _ = self.backwards(embedded.gather(1, mirror.expand(-1, -1, embedded.shape[2])))
        states = torch.cat((left, right.gather(1, mirror.expand(-1, -1, right.shape[2]))), dim=2)
        outside = ~inside[..., None]
        largest = states.masked_fill(outside, -torch.inf).amax(1)
        mean = states.masked_fill(outside, 0).sum(1) / lengths.to(states.dtype)[:, None]
        return torch.cat((largest, mean), dim=1)
