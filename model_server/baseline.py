"""What the network has to match: TF-IDF of character n-grams with logistic regression."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from model_server.data import PARTS, Source
from model_server.scores import auc

LONGEST = 4
"""Characters of the longest n-gram."""

INVERSE_PENALTIES = (1.0, 10.0)
"""Of these the one with the better AUC on the dev part is taken."""


def baseline_probabilities(source: Source) -> np.ndarray:
    """Probabilities of label 1 for the texts of the test part, by a model of the train part.

    Calibrated on the same texts as the network (Platt's method), so that both decide at one half alike.
    """
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, LONGEST), sublinear_tf=True, min_df=2)
    train, dev, calibration, test = (
        vectorizer.fit_transform(texts) if part == "train" else vectorizer.transform(texts)
        for part in PARTS
        for texts in [[example.text for example in source.parts[part]]]
    )
    labels = {part: np.array([example.label for example in source.parts[part]]) for part in PARTS}
    models = [
        LogisticRegression(C=inverse, max_iter=1000, solver="liblinear", random_state=0).fit(train, labels["train"])
        for inverse in INVERSE_PENALTIES
    ]
    best = max(models, key=lambda model: auc(labels["dev"], model.predict_proba(dev)[:, 1]))
    platt = LogisticRegression(random_state=0)
    platt.fit(best.decision_function(calibration)[:, None], labels["calibration"])
    return np.asarray(platt.predict_proba(best.decision_function(test)[:, None])[:, 1])
