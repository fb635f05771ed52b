"""The report of a training run: its figures as JSON, and as the tables of the model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model_server.data import PARTS, Source
from model_server.scores import (
    Compared,
    Interval,
    accuracy,
    auc,
    calibration_error,
    compare,
    confusion,
    f1,
)
from model_server.tokenizer import SCRIPTS

SCORES = {"accuracy": accuracy, "F1": f1, "AUC": auc}
BEGIN, END = "<!-- scores: written by the training -->", "<!-- end of scores -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """What one language's test part says."""

    name: str
    file: str
    digest: str
    texts: Mapping[str, int]
    """Texts by part."""

    dropped: int
    scores: Mapping[str, Compared]
    confusion: tuple[tuple[int, int], tuple[int, int]]
    """The network's counts [label][decision]."""

    calibration_error: float
    baseline_error: float
    """That of the baseline, calibrated on the same texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that a training run says about itself."""

    command: str
    seed: int
    dev_losses: tuple[float, ...]
    mix: tuple[tuple[float, ...], ...]
    """`BiLSTM.mix`: shares of the LSTM and of the linear part, and a constant, each by script."""

    weights_bytes: int
    languages: Sequence[Language]


def judge(source: Source, model: np.ndarray, baseline: np.ndarray, *, seed: int) -> Language:
    """The scores of two sets of probabilities of label 1 for the texts of a source's test part."""
    labels = np.array([example.label for example in source.parts["test"]])
    return Language(
        name=source.name,
        file=source.file,
        digest=source.digest,
        texts={part: len(source.parts[part]) for part in PARTS},
        dropped=source.dropped,
        scores={name: compare(score, labels, model, baseline, seed=seed) for name, score in SCORES.items()},
        confusion=confusion(labels, model),
        calibration_error=calibration_error(labels, model),
        baseline_error=calibration_error(labels, baseline),
    )


def tables(report: Report) -> str:
    """The report in Markdown."""
    losses = ", ".join(f"{loss:.4f}" for loss in report.dev_losses)
    size = f"Weights {report.weights_bytes / 1e6:.2f} MB"
    lines = [
        f"Written by `{report.command}` (seed {report.seed}).",
        f"Dev loss by epoch: {losses}; the least was kept. {size}.",
        *(
            f"Log-odds of the script {script}: {share:.3f} x LSTM + {other:.3f} x linear part {constant:+.3f}."
            for script, share, other, constant in zip(SCRIPTS, *report.mix, strict=True)
        ),
        "",
        "Scores on the test part, at one half, with 95 % bootstrap intervals; differences are by resample.",
        "",
        "| language | score | network | TF-IDF baseline | difference |",
        "|---|---|---|---|---|",
    ]
    for language in report.languages:
        for name, row in language.scores.items():
            cells = (_words(row.model), _words(row.baseline), _words(row.difference, "+.3f"))
            lines.append(f"| {language.name} | {name} | {' | '.join(cells)} |")
    lines += [
        "",
        "| language | ok, left | ok, flagged | bad, missed | bad, flagged | calibration error | baseline |",
        "|---|---|---|---|---|---|---|",
    ]
    for language in report.languages:
        (left, wrong), (missed, found) = language.confusion
        errors = f"{language.calibration_error:.3f} | {language.baseline_error:.3f}"
        lines.append(f"| {language.name} | {left} | {wrong} | {missed} | {found} | {errors} |")
    lines += [
        "",
        "| language | file | train | dev | calibration | test | dropped | SHA-256 |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for language in report.languages:
        counts = " | ".join(str(language.texts[part]) for part in PARTS)
        lines.append(
            f"| {language.name} | {language.file} | {counts} | {language.dropped} | `{language.digest[:16]}` |"
        )
    return "\n".join(lines) + "\n"


def write_card(path: Path, report: Report) -> None:
    """Put the tables between the marks of a card; a card without them, or none, becomes the tables alone."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        before, after = "# Model card\n\n", "\n"
    path.write_text(f"{before}{BEGIN}\n\n{tables(report)}\n{END}{after}", encoding="utf-8")


def _words(interval: Interval, form: str = ".3f") -> str:
    return f"{interval.value:{form}} ({interval.low:{form}} to {interval.high:{form}})"
