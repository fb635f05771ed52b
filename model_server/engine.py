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
from model_server.tokenizer import FEATURES, ROW_BYTES, encode

Rows = Sequence[bytes]
"""Texts as `encode` gives them."""


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
    """A network on its device, with its two labels."""

    def __init__(self, network: BiLSTM, *, shape: Shape, labels: tuple[str, str], device: str | None = None) -> None:
        capability = torch.cuda.get_device_capability() if torch.cuda.is_available() else None
        self._device, self._dtype = pick_device(device, capability)
        self._network = network.to(device=self._device, dtype=self._dtype).eval()
        self._shape = shape
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
                ok, flagged = about["labels"]
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            message = f"{path} holds no weights of this network: {error}"
            raise ValueError(message) from error
        return cls(network, shape=shape, labels=(ok, flagged), device=device)

    def encode(self, text: str, max_rows: int) -> bytes:
        """The text's rows for this network's tables."""
        return encode(text, hashes=self._shape.hashes, max_rows=max_rows)

    def run(self, rows: Rows, *, batch: int, length: int) -> list[float]:
        """The chance of the second label for at most `batch` texts of at most `length` rows.

        The network sees exactly that shape.
        """
        features, lengths = pad(rows, batch=batch, length=length)
        with torch.inference_mode():
            odds = self._network(features.to(self._device), lengths.to(self._device))
            chances: list[float] = torch.sigmoid(odds.float())[: len(rows)].tolist()
        return chances


def pad(rows: Rows, *, batch: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Features (batch, length, FEATURES) and lengths (batch); what is empty has one token of padding."""
    size = length * ROW_BYTES
    filled = bytearray(batch * size)  # zeros are PAD
    for index, own in enumerate(rows):
        filled[index * size : index * size + len(own)] = own
    features = torch.frombuffer(filled, dtype=torch.int32).view(batch, length, FEATURES)
    lengths = [max(len(own) // ROW_BYTES, 1) for own in rows] + [1] * (batch - len(rows))
    return features, torch.tensor(lengths)


def save(path: Path, network: BiLSTM, *, shape: Shape, labels: tuple[str, str]) -> None:
    """Write a weights file: half precision, which costs no score and half the size."""
    about = {"shape": asdict(shape), "labels": labels}
    tensors = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    save_file(tensors, path, metadata={"model": json.dumps(about)})
