"""Results of recommenders-team/recommenders on made-up lists and tables: the cases, and their generator.

The package cannot be installed beside the tests: its wheel contains a folder ``tests``, which hides this one,
and requires forty packages that metrics do not need. Its results are therefore stored in
``recommenders_package.json``. To regenerate them, with this or another version:

  uv pip install --target FOLDER --no-deps recommenders==1.2.1 scikit-learn joblib narwhals threadpoolctl
  PYTHONPATH=FOLDER python tests/evaluation/recommenders_package.py
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

ANSWERS = Path(__file__).with_suffix(".json")
KS = (1, 5, 10)
RATIO, SEED = 0.75, 42


def cases() -> list[tuple[np.ndarray, list[np.ndarray]]]:
    """Lists int64 [users, 10] with tails of -1, and the relevant items of each user, at least one."""
    made = []
    for number, (users, items) in enumerate([(1, 12), (7, 12), (40, 30), (60, 200)]):
        random = np.random.default_rng(number)
        ranked = np.array([random.permutation(items)[:10] for _ in range(users)])
        lengths = np.where(random.random(users) < 0.2, random.integers(1, 10, users), 10)
        ranked[np.arange(10) >= lengths[:, None]] = -1
        counts = random.integers(1, items, users)
        made.append((ranked, [np.sort(random.permutation(items)[:count]) for count in counts]))
    return made


def table() -> pd.DataFrame:
    """Interactions in groups of one to a few dozen rows."""
    random = np.random.default_rng(11)
    users, items = (random.zipf(1.6, 600) % 40 for _ in range(2))
    return pd.DataFrame({"userID": users, "itemID": items, "row": range(600)})


def main() -> None:
    """Run the package and write its results."""
    from recommenders.datasets import python_splitters  # type: ignore[import-not-found]
    from recommenders.evaluation import python_evaluation  # type: ignore[import-not-found]

    names = {
        "ndcg": python_evaluation.ndcg_at_k,
        "map": python_evaluation.map,
        "precision": python_evaluation.precision_at_k,
        "recall": python_evaluation.recall_at_k,
    }
    figures = []
    for ranked, relevant in cases():
        user, rank = np.nonzero(ranked >= 0)
        shown = pd.DataFrame(
            {"userID": user, "itemID": ranked[user, rank], "prediction": -rank.astype(float)}
        )
        wanted = pd.DataFrame(
            {
                "userID": np.repeat(np.arange(len(relevant)), [len(items) for items in relevant]),
                "itemID": np.concatenate(relevant),
                "rating": 1.0,
            }
        )
        figures.append(
            {
                f"{name}@{k}": float(metric(wanted, shown, k=k))
                for k in KS
                for name, metric in names.items()
            }
        )
    parted = {
        "random": python_splitters.python_random_split(table(), RATIO, SEED),
        **{
            by: python_splitters.python_stratified_split(table(), RATIO, filter_by=by, seed=SEED)
            for by in ("user", "item")
        },
    }
    test_rows = {name: sorted(map(int, test["row"])) for name, (_, test) in parted.items()}
    ANSWERS.write_text(json.dumps({"figures": figures, "test_rows": test_rows}) + "\n")


if __name__ == "__main__":
    main()
