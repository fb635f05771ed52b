"""`python -m model_server.train en=FILE zh=FILE`: train the network, judge it beside a baseline, write both down.

A FILE is CSV (or .csv.gz) with `text,label` and, if any, `split`; the name before `=` is its row in the report.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from model_server.baseline import baseline_probabilities
from model_server.data import PARTS, Source, read_source
from model_server.engine import save
from model_server.fitting import Material, Recipe, encode_all, fit, odds_of
from model_server.model import WEIGHTS
from model_server.network import Shape
from model_server.report import Report, judge, write_card

LABELS = ("ok", "flagged")


def main(arguments: Sequence[str] | None = None) -> int:
    """Train as the command line says; 0, or 2 with a sentence on stderr where the data can't be used."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = _parser().parse_args(given)
    try:
        sources = [read_source(name, path, seed=options.seed) for name, path in options.data]
    except (OSError, ValueError) as error:
        _tell(str(error))
        return 2
    torch.set_num_threads(options.threads)
    # The folders of whoever trains are no part of the card.
    shown = shlex.join(_shown(argument) for argument in given)
    train(
        sources, options.out, Recipe(seed=options.seed, epochs=options.epochs), f"python -m model_server.train {shown}"
    )
    return 0


def train(sources: Sequence[Source], out: Path, recipe: Recipe, command: str) -> Report:
    """Fit one network on all sources; write `moderation.safetensors`, `report.json`, `MODEL_CARD.md` to `out`."""
    shape = Shape()
    _tell("encoding")
    parts = {part: [encode_all(source.parts[part], shape) for source in sources] for part in PARTS}
    material = Material(train=parts["train"], dev=parts["dev"], calibration=parts["calibration"])
    fitted = fit(material, shape=shape, recipe=recipe, told=_tell)
    out.mkdir(parents=True, exist_ok=True)
    weights = out / WEIGHTS.name
    save(weights, fitted.network, shape=shape, labels=LABELS)
    _tell("judging")
    tests = zip(sources, parts["test"], strict=True)
    languages = [
        judge(source, odds_of(fitted.network, test).chances, baseline_probabilities(source), seed=recipe.seed)
        for source, test in tests
    ]
    report = Report(
        command=command,
        seed=recipe.seed,
        dev_losses=fitted.dev_losses,
        mix=tuple(map(tuple, fitted.network.mix.tolist())),
        weights_bytes=weights.stat().st_size,
        languages=languages,
    )
    (out / "report.json").write_text(json.dumps(asdict(report), indent=1) + "\n", encoding="utf-8")
    write_card(out / "MODEL_CARD.md", report)
    return report


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m model_server.train", description="Train the moderation network.")
    parser.add_argument(
        "data", nargs="+", type=_named_file, metavar="LANGUAGE=FILE", help="CSV with text,label[,split]"
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS.parent, help="folder of weights, report and card")
    parser.add_argument("--seed", type=int, default=Recipe().seed, help="of the split, the weights and the batches")
    parser.add_argument("--epochs", type=int, default=Recipe().epochs, help="at most; fitting stops early")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch")
    return parser


def _named_file(text: str) -> tuple[str, Path]:
    name, sign, path = text.partition("=")
    if not (name and sign and path):
        message = f"{text} is not LANGUAGE=FILE"
        raise argparse.ArgumentTypeError(message)
    return name, Path(path)


def _shown(argument: str) -> str:
    name, sign, path = argument.partition("=")
    return f"{name}={Path(path).name}" if sign else Path(argument).name


def _tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


if __name__ == "__main__":
    sys.exit(main())
