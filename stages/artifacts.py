"""Where a run's files lie: every path below ``artifacts/<recipe>/`` is named here alone."""

import os
from dataclasses import dataclass
from pathlib import Path

PARTS = ("train", "valid", "test")


def artifacts_root() -> Path:
    """``artifacts/`` below the working directory, or what ``SHORTLIST_ARTIFACTS`` names."""
    return Path(os.environ.get("SHORTLIST_ARTIFACTS", "artifacts"))


@dataclass(frozen=True)
class Raw:
    """What ``sources`` writes: raw column names, raw ids."""

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
    """What ``workflows`` writes: the fitted workflow and model-ready Parquet."""

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
    def encoding(self) -> Path:
        """The same workflow compiled to look-ups: ``encoding.json`` and vocabularies."""
        return self.root / "encoding"

    @property
    def schema(self) -> Path:
        """Merlin's schema of an encoded interaction, ``schema.pbtxt``."""
        return self.root / "schema.pbtxt"

    def interactions(self, part: str) -> Path:
        """Folder of encoded interactions of one of ``PARTS``, with their schema; where something reads them
        (``Recipe.encoded_parts``), or they were asked for."""
        return self.root / part

    def raw_interactions(self, part: str) -> Path:
        """Folder of the same rows with raw ids, a file for each of the encoded ones."""
        return self.root / "raw" / part

    def counts(self, side: str) -> Path:
        """Features of kind ``count`` of every ``user`` or ``item`` under its raw id, where there are any."""
        return self.root / "raw" / f"{side}_counts.parquet"

    def out_of_fold(self, side: str) -> Path:
        """Features of kind ``target`` of every ``user`` or ``item``, a list of one encoded number a fold, in
        the row order of ``users`` or ``items``; where there are any."""
        return self.root / "out_of_fold" / f"{side}.parquet"

    @property
    def users(self) -> Path:
        """Encoded features of every user, sorted by raw id."""
        return self.root / "users.parquet"

    @property
    def items(self) -> Path:
        """Encoded features of every item, sorted by raw id: the row number is the index row."""
        return self.root / "items.parquet"


@dataclass(frozen=True)
class Preparing:
    """What a preparation that runs, or was interrupted, has written so far."""

    root: Path

    @property
    def output(self) -> Prepared:
        """What will take the place of ``Artifacts.prepared``."""
        return Prepared(self.root / "output")

    @property
    def written(self) -> Path:
        """Folder with an empty file for each partition whose rows are written, encoded and raw."""
        return self.root / "written"

    @property
    def laid(self) -> Path:
        """Partitions laid down for other processes to encode."""
        return self.root / "laid"

    def side(self, key: str) -> Path:
        """The raw users or items table (``key``: its id), laid down for other processes to join."""
        return self.root / f"by_{key}.parquet"


@dataclass(frozen=True)
class Models:
    """What ``models`` writes. ``NAME`` is query_tower, candidate_tower or ranker."""

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
        """Arrays in row order that the ranker's ranker features read, one ``.npy`` file each."""
        return self.root / "candidate_arrays"

    @property
    def training(self) -> Path:
        """Seeds, epochs and validation figures of the training, as JSON."""
        return self.root / "training.json"

    @property
    def learning_curves(self) -> Path:
        """The same validation figures as a picture."""
        return self.root / "learning_curves.png"

    @property
    def logs(self) -> Path:
        """TensorBoard logs, the embedding projector's among them."""
        return self.root / "logs"


@dataclass(frozen=True)
class Artifacts:
    """Everything that one recipe's run makes."""

    root: Path

    @classmethod
    def of(cls, recipe_name: str) -> "Artifacts":
        return cls(artifacts_root() / recipe_name)

    @property
    def raw(self) -> Raw:
        return Raw(self.root / "raw")

    @property
    def inspection(self) -> Path:
        """What ``shortlist inspect`` found in the raw tables, as one HTML page."""
        return self.root / "inspection.html"

    @property
    def prepared(self) -> Prepared:
        return Prepared(self.root / "prepared")

    @property
    def preparing(self) -> Preparing:
        """Gone when the preparation has ended."""
        return Preparing(self.root / "preparing")

    @property
    def preparing_lock(self) -> Path:
        """Held by the one command that prepares; says which."""
        return self.root / "preparing.lock"

    @property
    def models(self) -> Models:
        return Models(self.root / "models")

    @property
    def training(self) -> Path:
        """Logs and progress of a training that runs or was killed; gone when it has ended."""
        return self.root / "training"

    @property
    def study(self) -> Path:
        """The trials of `shortlist tune`, an Optuna study in SQLite."""
        return self.root / "study.sqlite"

    @property
    def report(self) -> Path:
        return self.root / "report.json"

    @property
    def funnel_picture(self) -> Path:
        """What each stage kept, of the same evaluation as ``report``."""
        return self.root / "funnel.png"

    @property
    def model_repository(self) -> Path:
        return self.root / "model_repository"

    @property
    def served_history(self) -> Path:
        """Which releases were served since when, as JSON; the served one: ``ensemble.releases.served``."""
        return self.root / "served.json"

    @property
    def releases_lock(self) -> Path:
        """Held by the one command that changes the releases; says which."""
        return self.root / "releases.lock"

    @property
    def feature_store(self) -> Path:
        """The embedded online store (SQLite): raw user features and interactions."""
        return self.root / "feature_store.sqlite"

    @property
    def server_log(self) -> Path:
        return self.root / "server.log"

    @property
    def server_address(self) -> Path:
        """Where a running server listens and its key, as JSON; there only while it runs."""
        return self.root / "server.json"


def downloads() -> Path:
    """Files fetched from elsewhere, shared by all recipes."""
    return artifacts_root() / "downloads"
