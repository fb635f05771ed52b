"""torch around the network: the device, the weights file, tensors of a fixed shape, probabilities."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from model_server.network import BiLSTM, Shape
from model_server.tokenizer import FEATURES, PAD, encode

Rows = Sequence[Sequence[Sequence[int]]]
"""Texts as tokens as features."""


def pick_device(asked: str | None, capability: tuple[int, int] | None) -> tuple[str, torch.dtype]:
    """Where to run and in which type: the one place that decides it.

    `capability` is that of the CUDA device, None without one. From 7.0 a device has tensor cores for half precision.
    Raises `ValueError` where CUDA is asked for and there is none, and for a device of another name.
    """
    if asked not in {None, "cpu", "cuda"}:
        message = f"the device is cpu or cuda, not {asked}"
        raise ValueError(message)
    if asked == "cuda" and capability is None:
        message = "cuda was asked for, but torch sees no CUDA device"
        raise ValueError(message)
    if asked == "cpu" or capability is None:
        return "cpu", torch.float32
    return "cuda", torch.float16 if capability >= (7, 0) else torch.float32


class Engine:
    """A network on its device, with its labels and the temperature of its probabilities."""

    def __init__(
        self, network: BiLSTM, *, shape: Shape, labels: tuple[str, ...], temperature: float, device: str | None = None
    ) -> None:
        capability = torch.cuda.get_device_capability() if torch.cuda.is_available() else None
        self._device, self._dtype = pick_device(device, capability)
        self._network = network.to(device=self._device, dtype=self._dtype).eval()
        self._shape = shape
        self._temperature = temperature
        self.labels = labels
        self.device_name = f"{self._device} {str(self._dtype).removeprefix('torch.')}"

    @classmethod
    def load(cls, path: Path, *, device: str | None = None, threads: int | None = None) -> Self:
        """An engine from a weights file; see `Moderator.load`."""
        if threads is not None:
            torch.set_num_threads(threads)
        if not path.is_file():
            raise FileNotFoundError(path)
        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads((file.metadata() or {})["model"])
                shape = Shape(**about["shape"])
                network = BiLSTM(shape)
                network.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
        except (SafetensorError, KeyError, TypeError, RuntimeError, json.JSONDecodeError) as error:
            message = f"{path} holds no weights of this network: {error}"
            raise ValueError(message) from error
        return cls(
            network, shape=shape, labels=tuple(about["labels"]), temperature=float(about["temperature"]), device=device
        )

    def encode(self, text: str, max_rows: int) -> list[tuple[int, ...]]:
        """The text's features for this network's embedding table."""
        return encode(text, hashes=self._shape.hashes, max_rows=max_rows)

    def run(self, rows: Rows, *, batch: int, length: int) -> list[tuple[float, ...]]:
        """Probabilities of at most `batch` texts of at most `length` tokens; the network sees exactly that shape."""
        features, lengths = pad(rows, batch=batch, length=length)
        with torch.inference_mode():
            logits = self._network(features.to(self._device), lengths.to(self._device))
            probabilities = torch.softmax(logits.float() / self._temperature, dim=1)
        return [tuple(row) for row in probabilities[: len(rows)].tolist()]


def pad(rows: Rows, *, batch: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (batch, length, FEATURES) and lengths (batch); what is empty has one token of padding."""
    no_token = (PAD,) * FEATURES
    filled = [
        [*((*token, *no_token[len(token) :]) for token in row), *[no_token] * (length - len(row))]
        for row in [*rows, *[()] * (batch - len(rows))]
    ]
    lengths = [max(len(row), 1) for row in rows] + [1] * (batch - len(rows))
    return torch.tensor(filled), torch.tensor(lengths)


def save(path: Path, network: BiLSTM, *, shape: Shape, labels: tuple[str, ...], temperature: float) -> None:
    """Write a weights file: half precision, which costs no score and half the size."""
    about = {"shape": asdict(shape), "labels": labels, "temperature": temperature}
    tensors = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, path, metadata={"model": json.dumps(about)})
