"""Quality of the served funnel against its generators, their blend, baselines and a boosted tree.

    python -m benchmarks.quality [--recipe movielens-100k] [--seeds 42 43 44] [--without ablation boosted]
    python -m benchmarks.quality --recipe gowalla --baselines popularity ItemKNN iALS

All use the same split. Every metric is a mean over seeds on the test part, on which nothing was tuned.
``funnel``: the answers of the whole funnel as served; with the recipe's own seed, a real Triton is queried
too, and must give the same answers.
``retrieval``: the two-tower model alone, one inner product. ``blend``: all candidate generators, no ranker
(``evaluation.generators``). The boosted tree ranks the same candidates by the same inputs as the DLRM. The
ablation removes one part of the funnel at a time, with the recipe's own seed.

Prints tables to stderr and JSON lines to stdout, the last of which has the metrics by system.
"""

import argparse
import json
import sys
from typing import Any

from rich.console import Console

from benchmarks.console import say
from benchmarks.quality.boosted_tree import boosted_figures
from benchmarks.quality.triton_answers import asked_through_triton
from benchmarks.variants import beside, report_of, report_of_seed, seeded
from evaluation.baselines.table import BASELINES, over_all_seeds
from evaluation.report import spread_table
from evaluation.uncertainty import over_seeds
from metrics.ranking import METRICS
from models.prepared import PreparedData
from recipes.load import load, with_settings
from recipes.schema.recipe import Recipe
from sources.ingest import ingest
from stages.artifacts import Artifacts
from workflows.prepare import prepare

#: The removed part, and the settings without it.
ABLATION: dict[str, dict[str, Any]] = {
    "one member of the two-tower model": {"retriever.members": 1},
    "no linear generator": {"serving.generators": ("two-tower", "als", "popularity")},
    "no generator of alternating least squares": {
        "serving.generators": ("two-tower", "linear", "popularity")
    },
    "pointwise loss": {"ranker.loss": "pointwise", "ranker.blend": 0.0, "ranker.batch_size": 1024},
    "no blend in the ranker's score": {"ranker.blend": 0.0},
    "no further folds": {"ranker.folds": 0},
}
#: The same for ranker features, by a common part of their names.
LEFT_OUT = {
    "no comparison within the list": ("_zscore",),
    "no co-occurrence": ("cooccurrence",),
    "no linear model in the ranker": ("linear",),
    "no alternating least squares in the ranker": ("als",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipe", default="movielens-100k")
    parser.add_argument("--seeds", type=int, nargs="+", default=[42, 43, 44], metavar="SEED")
    parser.add_argument(
        "--without", nargs="*", default=[], choices=["ablation", "boosted", "triton"]
    )
    parser.add_argument("--baselines", nargs="*", choices=list(BASELINES), default=list(BASELINES))
    arguments = parser.parse_args()
    recipe = load(arguments.recipe)
    artifacts = Artifacts.of(recipe.name)
    ingest(recipe, artifacts, None)
    prepare(recipe, artifacts, force=False)
    data = PreparedData(artifacts.prepared)
    k = max(recipe.evaluation.k)

    reports = [report_of_seed(recipe, artifacts, seed) for seed in arguments.seeds]
    spreads = over_seeds([report["systems"] for report in reports])
    if "triton" not in arguments.without:
        spreads |= over_seeds([asked_through_triton(recipe, artifacts, k)])
    if "boosted" not in arguments.without:
        found = [boosted_figures(seeded(recipe, seed), data, k) for seed in arguments.seeds]
        spreads |= over_seeds(found)
    if arguments.baselines:
        spreads |= over_all_seeds(data, arguments.seeds, k=k, names=arguments.baselines)
    _print(f"{recipe.name}, seeds {', '.join(map(str, arguments.seeds))}", spreads)
    if "ablation" not in arguments.without:
        _print("Without one part", _ablation(recipe, artifacts))

    systems = {"funnel": "funnel", "retrieval": "retrieval", "blend": "blend", "edlae": "EDLAE"}
    figures = {
        name: {metric: round(spreads[system][f"{metric}@{k}"].mean, 4) for metric in METRICS}
        for name, system in systems.items()
        if system in spreads
    }
    print(json.dumps({"benchmark": "quality", "dataset": recipe.name, **figures}))
    return 0


def _ablation(recipe: Recipe, artifacts: Artifacts) -> dict[str, Any]:
    """The funnel's metrics, by the part it lacks."""
    variants = dict(ABLATION)
    for name, parts in LEFT_OUT.items():
        kept = [
            feature
            for feature in recipe.ranker.features
            if not any(part in feature for part in parts)
        ]
        variants[name] = {"ranker.features": tuple(kept)}
    found = {"the whole funnel": report_of(recipe, artifacts)["systems"]["funnel"]}
    for number, (name, settings) in enumerate(variants.items()):
        say(f"ablation: {name}")
        variant = beside(artifacts, f"without-{number}")
        found[name] = report_of(with_settings(recipe, settings), variant)["systems"]["funnel"]
    return over_seeds([found])


def _print(title: str, spreads: dict[str, Any]) -> None:
    Console(stderr=True, width=200).print(spread_table(title, spreads))
    for system, found in spreads.items():
        figures = {
            name: [round(one.mean, 4), round(one.deviation, 4)] for name, one in found.items()
        }
        print(json.dumps({"system": system, "table": title, **figures}))


if __name__ == "__main__":
    sys.exit(main())
