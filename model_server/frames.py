"""What goes between the server and the process with the model: length-prefixed frames over a socket pair.

A frame is four bytes of length, one byte of kind and the rest. Texts travel as a JSON list, answers as
JSON objects, one a line. The process answers in the order of the questions. Its first frame, unasked,
is LOADED or FAILED.
"""

from __future__ import annotations

import struct

LENGTH = struct.Struct(">I")
SECONDS = struct.Struct(">d")

PREDICT = b"P"
"""Question: a JSON list of texts. Its answer, ANSWERS: seconds of computing, then a line per text,
empty where the model raised an error."""
WARM = b"W"
"""Question: run every shape, check an answer. Its answer: WARMED with JSON, or FAILED with a sentence."""
MEMORY = b"M"
"""Question: the GPU's memory. Its answer, MEMORIES: a JSON object of bytes by name, empty without a GPU."""

ANSWERS = b"A"
LOADED = b"L"
WARMED = b"D"
MEMORIES = b"G"
FAILED = b"F"


def pack(kind: bytes, payload: bytes = b"") -> bytes:
    """A frame."""
    return LENGTH.pack(len(payload) + 1) + kind + payload
