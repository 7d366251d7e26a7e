"""Paths of a run's files. Only this module defines the paths below ``artifacts/<recipe>/``."""

import os
from dataclasses import dataclass
from pathlib import Path

PARTS = ("train", "valid", "test")


def artifacts_root() -> Path:
    """``artifacts/`` below the working directory, or the folder that ``SHORTLIST_ARTIFACTS`` names."""
    return Path(os.environ.get("SHORTLIST_ARTIFACTS", "artifacts"))


@dataclass(frozen=True)
class Raw:
    """The raw tables that ``sources`` writes, with raw column names and raw ids."""

    root: Path

    @property
    def stamp(self) -> Path:
        """Fingerprint of what made these files (see ``stages.stamps``)."""
        return self.root / "stamp.json"

    @property
    def interactions(self) -> Path:
        return self.root / "interactions.parquet"

    @property
    def users(self) -> Path:
        return self.root / "users.parquet"

    @property
    def items(self) -> Path:
        return self.root / "items.parquet"


@dataclass(frozen=True)
class Prepared:
    """The output of ``workflows``: the fitted workflow and model-ready Parquet."""

    root: Path

    @property
    def stamp(self) -> Path:
        """Fingerprint of what made these files (see ``stages.stamps``)."""
        return self.root / "stamp.json"

    @property
    def workflow(self) -> Path:
        """The fitted NVTabular workflow, as NVTabular saves it."""
        return self.root / "workflow"

    @property
    def facts(self) -> Path:
        """Facts of the training part, as JSON (``recipes.resolution.facts``)."""
        return self.root / "facts.json"

    @property
    def resolved_recipe(self) -> Path:
        """The recipe with every setting, and who decided each (``recipes.resolution``)."""
        return self.root / "resolved.toml"

    @property
    def encoding(self) -> Path:
        """The same workflow compiled to lookups: ``encoding.json`` and vocabularies."""
        return self.root / "encoding"

    @property
    def schema(self) -> Path:
        """Merlin's schema of an encoded interaction, ``schema.pbtxt``."""
        return self.root / "schema.pbtxt"

    def interactions(self, part: str) -> Path:
        """Folder of encoded interactions of one of ``PARTS``, with their schema.

        Exists if something reads it (``Recipe.encoded_parts``) or it was requested.
        """
        return self.root / part

    def raw_interactions(self, part: str) -> Path:
        """Folder of the same rows with raw ids, one file per encoded file."""
        return self.root / "raw" / part

    @property
    def event_kinds(self) -> Path:
        """What recorded events of each kind count as, as JSON; exists if the recipe tells kinds apart."""
        return self.root / "event_kinds.json"

    def counts(self, side: str) -> Path:
        """Features of kind ``count`` of every ``user`` or ``item``, by raw id; exists if there are any."""
        return self.root / "raw" / f"{side}_counts.parquet"

    def out_of_fold(self, side: str) -> Path:
        """Features of kind ``target`` of every ``user`` or ``item``: a list with one encoded number per fold.

        In the row order of ``users`` or ``items``; exists if there are any.
        """
        return self.root / "out_of_fold" / f"{side}.parquet"

    @property
    def users(self) -> Path:
        """Encoded features of every user, sorted by raw id."""
        return self.root / "users.parquet"

    @property
    def items(self) -> Path:
        """Encoded features of every item, sorted by raw id; the row number is the row in the item index."""
        return self.root / "items.parquet"


@dataclass(frozen=True)
class Preparing:
    """The partial output of a running or interrupted preparation."""

    root: Path

    @property
    def output(self) -> Prepared:
        """The files that will replace ``Artifacts.prepared``."""
        return Prepared(self.root / "output")

    @property
    def written(self) -> Path:
        """Folder with an empty file for each partition whose encoded and raw rows are both written."""
        return self.root / "written"

    @property
    def partitions(self) -> Path:
        """Folder of partitions for other processes to encode."""
        return self.root / "partitions"

    def side(self, key: str) -> Path:
        """The raw users or items table (``key``: its id column's safe name), for other processes to join."""
        return self.root / f"by_{key}.parquet"


@dataclass(frozen=True)
class Models:
    """The output of ``models``. A model's ``name`` is query_tower, candidate_tower or ranker."""

    root: Path

    @property
    def stamp(self) -> Path:
        """Fingerprint of what made these files (see ``stages.stamps``)."""
        return self.root / "stamp.json"

    def saved_model(self, name: str) -> Path:
        return self.root / name / "saved_model"

    def onnx(self, name: str) -> Path:
        return self.root / name / "model.onnx"

    @property
    def item_embeddings(self) -> Path:
        return self.root / "item_embeddings.parquet"

    @property
    def candidate_arrays(self) -> Path:
        """Arrays in item row order that the ranker features read, one ``.npy`` file each."""
        return self.root / "candidate_arrays"

    @property
    def training(self) -> Path:
        """Seeds, epochs and validation metrics of the training, as JSON."""
        return self.root / "training.json"

    @property
    def learning_curves(self) -> Path:
        """The same validation metrics as a plot."""
        return self.root / "learning_curves.png"

    @property
    def logs(self) -> Path:
        """TensorBoard logs, including the embedding projector's."""
        return self.root / "logs"


@dataclass(frozen=True)
class Artifacts:
    """All files of one recipe's run."""

    root: Path

    @classmethod
    def of(cls, recipe_name: str) -> "Artifacts":
        return cls(artifacts_root() / recipe_name)

    @property
    def raw(self) -> Raw:
        return Raw(self.root / "raw")

    @property
    def inspection(self) -> Path:
        """The findings of ``shortlist inspect`` in the raw tables, as one HTML page."""
        return self.root / "inspection.html"

    @property
    def prepared(self) -> Prepared:
        return Prepared(self.root / "prepared")

    @property
    def preparing(self) -> Preparing:
        """Removed when the preparation ends."""
        return Preparing(self.root / "preparing")

    @property
    def preparing_lock(self) -> Path:
        """Held by the one command that prepares; contains its name."""
        return self.root / "preparing.lock"

    @property
    def models(self) -> Models:
        return Models(self.root / "models")

    @property
    def training(self) -> Path:
        """Logs and progress of a running or killed training; removed when it ends."""
        return self.root / "training"

    @property
    def study(self) -> Path:
        """The trials of `shortlist tune`, an Optuna study in SQLite."""
        return self.root / "study.sqlite"

    @property
    def tuned(self) -> Path:
        """The recipe with the best settings that `shortlist tune` found."""
        return self.root / "tuned.toml"

    @property
    def report(self) -> Path:
        return self.root / "report.json"

    @property
    def funnel_picture(self) -> Path:
        """Plot of what each stage kept, from the same evaluation as ``report``."""
        return self.root / "funnel.png"

    @property
    def model_repository(self) -> Path:
        return self.root / "model_repository"

    @property
    def served_history(self) -> Path:
        """When each release began to be served, as JSON; see ``ensemble.releases.served``."""
        return self.root / "served.json"

    @property
    def releases_lock(self) -> Path:
        """Held by the one command that changes the releases; contains its name."""
        return self.root / "releases.lock"

    @property
    def feature_store(self) -> Path:
        """The embedded feature store (SQLite): raw user features and interactions."""
        return self.root / "feature_store.sqlite"

    @property
    def server_log(self) -> Path:
        return self.root / "server.log"

    @property
    def server_address(self) -> Path:
        """A running server's address and key, as JSON; exists only while the server runs."""
        return self.root / "server.json"


def downloads() -> Path:
    """Folder of downloaded files, shared by all recipes."""
    return artifacts_root() / "downloads"
