"""What the network has to match: TF-IDF of character n-grams with logistic regression."""

from __future__ import annotations

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from model_server.data import Source
from model_server.scores import auc

LONGEST = 4
"""Characters of the longest n-gram."""

INVERSE_PENALTIES = (1.0, 10.0)
"""Of these the one with the better AUC on the dev part is taken."""


def baseline_probabilities(source: Source) -> np.ndarray:
    """Probabilities of label 1 for the texts of the test part, by a model of the train part."""
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, LONGEST), sublinear_tf=True, min_df=2)
    texts = {part: [example.text for example in source.parts[part]] for part in source.parts}
    labels = {part: np.array([example.label for example in source.parts[part]]) for part in source.parts}
    train, dev = vectorizer.fit_transform(texts["train"]), vectorizer.transform(texts["dev"])
    models = [
        LogisticRegression(C=inverse, max_iter=1000, solver="liblinear", random_state=0).fit(train, labels["train"])
        for inverse in INVERSE_PENALTIES
    ]
    best = max(models, key=lambda model: auc(labels["dev"], model.predict_proba(dev)[:, 1]))
    return np.asarray(best.predict_proba(vectorizer.transform(texts["test"]))[:, 1])
