"""The network: hashed features summed per token, an LSTM in each direction, pooling, one binary head."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model_server.tokenizer import PAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a network: what its weights file says beside the weights."""

    buckets: int = 32768
    """Rows of the embedding table, the padding row among them."""

    width: int = 64
    """Length of an embedding."""

    hidden: int = 64
    """State of the LSTM in one direction."""

    classes: int = 2


class BiLSTM(nn.Module):
    """A bidirectional LSTM over tokens; padding changes nothing, so a text's answer is that of any batch.

    The two directions are two networks, the second of which reads each text reversed within its own
    length: a plain bidirectional LSTM would read the padding before the text, and a packed one has
    no fixed shape to warm.
    """

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.embedding = nn.EmbeddingBag(shape.buckets, shape.width, mode="sum", padding_idx=PAD)
        self.forwards = nn.LSTM(shape.width, shape.hidden, batch_first=True)
        self.backwards = nn.LSTM(shape.width, shape.hidden, batch_first=True)
        self.head = nn.Linear(4 * shape.hidden, shape.classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Logits (batch, classes) of features (batch, tokens, features of a token) and lengths (batch), none zero."""
        batch, tokens, _ = features.shape
        embedded = self.dropout(self.embedding(features.flatten(0, 1)).unflatten(0, (batch, tokens)))
        position = torch.arange(tokens, device=features.device)
        inside = position < lengths[:, None]
        mirror = torch.where(inside, lengths[:, None] - 1 - position, position)[..., None]
        left, _ = self.forwards(embedded)
        right, _ = self.backwards(embedded.gather(1, mirror.expand(-1, -1, embedded.shape[2])))
        states = torch.cat((left, right.gather(1, mirror.expand(-1, -1, right.shape[2]))), dim=2)
        outside = ~inside[..., None]
        largest = states.masked_fill(outside, -torch.inf).amax(1)
        mean = states.masked_fill(outside, 0).sum(1) / lengths[:, None]
        logits: Tensor = self.head(self.dropout(torch.cat((largest, mean), dim=1)))
        return logits
