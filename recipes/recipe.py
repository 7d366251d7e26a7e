"""What a recipe may say: frozen, validated configuration, one class per TOML table.

A recipe is the only place where a data set's columns are named. Everything here is checked before
any work starts; an unknown key or an impossible value fails (see ``recipes.load`` for the message).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

#: Column of the prepared interactions: whether a row is a positive.
POSITIVE = "positive"

Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]
Rate = Annotated[float, Field(ge=0, lt=1)]


class Table(BaseModel):
    """A TOML table: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Source(Table):
    """Where the raw tables come from."""

    kind: Literal["movielens-100k", "lastfm-2k", "listenbrainz", "anime", "aliccp", "parquet"]
    #: For ``parquet``: paths of the three tables, relative to the recipe file. Users and items may
    #: be left out; they are then the ids that occur in the interactions.
    interactions: str | None = None
    users: str | None = None
    items: str | None = None
    #: For ``movielens-100k``: films of one title are one item, and the title is its id.
    titles_as_items: bool = False
    #: For ``aliccp``: how many interactions to make up where the real files are not there.
    rows: Positive = 100_000

    @model_validator(mode="after")
    def _parquet_names_its_files(self) -> "Source":
        if self.kind == "parquet" and self.interactions is None:
            raise ValueError("kind 'parquet' needs `interactions`, the path of a Parquet file")
        if self.kind == "listenbrainz" and self.interactions is None:
            raise ValueError("kind 'listenbrainz' needs `interactions`, the path of a dump")
        paths = {
            "parquet": {"interactions", "users", "items"},
            "listenbrainz": {"interactions"},
        }.get(self.kind, set())
        for name in ("interactions", "users", "items"):
            if getattr(self, name) and name not in paths:
                raise ValueError(f"kind '{self.kind}' brings its own {name}: give no path of them")
        return self

    @model_validator(mode="after")
    def _options_fit_the_kind(self) -> "Source":
        if self.titles_as_items and self.kind != "movielens-100k":
            raise ValueError("`titles_as_items` is for kind 'movielens-100k'")
        if self.rows != type(self).model_fields["rows"].default and self.kind != "aliccp":
            raise ValueError("`rows` is for kind 'aliccp'")
        return self


class Columns(Table):
    """Which raw column plays which part."""

    user: str
    item: str
    #: Orders a user's interactions in time: integer seconds or a datetime.
    timestamp: str | None = None
    #: A number per interaction, such as a rating.
    label: str | None = None
    #: A number per interaction: how much it counts in a loss that weighs its rows. By default 1.
    weight: str | None = None
    #: A column of the items table to show to people.
    title: str | None = None


class Interactions(Table):
    """Which interactions count, and how much of a user's past is looked at."""

    #: A condition such as ``rating >= 4``; rows for which it is false are left out.
    filter: str | None = None
    #: A condition such as ``click == 1``: the positives, which are retrieved, remembered as history and
    #: asked for in evaluation. The others are what users were shown or tried, and did not take. By
    #: default every interaction is a positive.
    positive: str | None = None
    #: Keep every interaction of a user with an item. By default the latest of them is the only one.
    repeats: bool = False
    #: How many of a user's most recent interactions the models see. 0: no history.
    history_length: Annotated[int, Field(ge=0, le=10_000)] = 50


class Vocabulary(Table):
    """Ids seen less often than this share the out-of-vocabulary code."""

    user_frequency_threshold: Positive = 1
    item_frequency_threshold: Positive = 1
    #: Leave out rare users and items with their interactions instead. They are then counted over all
    #: interactions, before the split, and an item without interactions is no candidate.
    drop_rare: bool = False


class Feature(Table):
    """One raw column and what the models get from it.

    ``categorical``: a code per distinct value (``list``: several values a row);
    ``text``: a code per distinct word of a text, in lower case, as a list;
    ``numeric``: missing values filled with ``fill``, then normalised to mean 0 and variance 1;
    ``bucket``: the number of the interval that ``boundaries`` cut, as a category.
    """

    kind: Literal["categorical", "text", "numeric", "bucket"]
    list: bool = False
    frequency_threshold: Positive = 1
    #: For lists and texts: at most this many values or words a row, the first ones.
    max_length: Positive = 16
    boundaries: tuple[float, ...] = ()
    fill: float = 0.0

    @property
    def several(self) -> bool:
        """Whether a row has any number of codes, of a list's values or of a text's words."""
        return self.list or self.kind == "text"

    @model_validator(mode="after")
    def _options_fit_the_kind(self) -> "Feature":
        if self.kind == "bucket" and list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError("`boundaries` must be given in ascending order, each once")
        if self.kind == "bucket" and not self.boundaries:
            raise ValueError("kind 'bucket' needs `boundaries`, such as [18, 35, 50]")
        if self.kind != "bucket" and self.boundaries:
            raise ValueError("`boundaries` is for kind 'bucket'")
        if self.kind != "categorical" and self.list:
            raise ValueError("`list` is for kind 'categorical'")
        if self.kind not in ("categorical", "text") and self.frequency_threshold > 1:
            raise ValueError("`frequency_threshold` is for kinds 'categorical' and 'text'")
        return self


class Features(Table):
    """Columns of the users and items tables, by name."""

    user: dict[str, Feature] = {}
    item: dict[str, Feature] = {}


class Split(Table):
    """How interactions are parted. ``valid`` is cut from the training part in the same way."""

    kind: Literal["random", "stratified", "temporal", "leave-last-out"]
    #: For ``stratified``: each of these keeps the same share in every part.
    by: Literal["user", "item"] = "user"
    test: Fraction = 0.25
    valid: Annotated[float, Field(gt=0, lt=1)] = 0.1
    seed: int = 42


class Retriever(Table):
    """The two-tower model and its training."""

    #: ``softmax``: inner product; an interaction against the other items of its batch.
    #: ``masked-softmax``: inner product; half of a user's history against all items.
    #: ``log-loss``: absolute cosine as the probability of a positive, one row at a time, weighted.
    #: ``none``: no retriever; every item of a small catalogue is a candidate.
    kind: Literal["softmax", "masked-softmax", "log-loss", "none"] = "softmax"
    #: Width of the towers' outputs, and of every embedding but for ``infer_embedding_sizes``.
    embedding_dim: Positive = 64
    #: Give each column an embedding as wide as its cardinality asks for (Merlin Models' rule).
    infer_embedding_sizes: bool = False
    #: Cross layers (DCN-v2, arXiv 2008.13535) between the embeddings and the MLP.
    cross_layers: Annotated[int, Field(ge=0, le=8)] = 0
    #: Hidden layers of both towers' MLPs; empty: the embeddings are combined by one linear layer.
    layers: tuple[Positive, ...] = ()
    #: ``masked-softmax``: models of their own side by side in one vector, whose scores add up.
    copies: Annotated[int, Field(ge=1, le=16)] = 1
    #: ``masked-softmax``: width of the linear item-item model beside them (0: none), and how much its
    #: score counts, that of a copy being 1.
    linear_dim: Annotated[int, Field(ge=0)] = 0
    linear_weight: PositiveFloat = 3.0
    #: ``log-loss``: items drawn at random as negatives of each positive.
    negatives: Annotated[int, Field(ge=0)] = 4
    temperature: PositiveFloat = 1.0
    #: Subtract log(sampling probability) from in-batch logits (Yi et al., RecSys 2019).
    logq_correction: bool = True
    #: At least 2: an item's negatives are the other items of its batch.
    batch_size: Annotated[int, Field(ge=2)] = 1024
    #: Falls to zero over ``max_epochs``, linearly.
    learning_rate: PositiveFloat = 0.005
    #: Decoupled (AdamW, arXiv 1711.05101).
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    #: Share of ids shown as unknown in training, so that the unknown user and item are trained too.
    unknown_rate: Rate = 0.05
    #: Share of a user's history that is left out in each training step.
    history_dropout: Rate = 0.5
    max_epochs: Positive = 8
    #: Stop after this many epochs without a better recall on the validation part. 0: never; the last
    #: epoch's weights are the model.
    patience: Annotated[int, Field(ge=0)] = 3
    #: Measure on the validation part after every so many steps, too, for TensorBoard and training.json.
    #: 0: after each epoch only.
    log_every: Annotated[int, Field(ge=0)] = 0
    seed: int = 42

    @property
    def absolute(self) -> bool:
        """Whether a score is the absolute value of the inner product."""
        return self.kind == "log-loss"


class Ranker(Table):
    """The ranker and its training."""

    #: ``none``: candidates keep the order of retrieval.
    kind: Literal["dlrm", "wide-and-deep", "none"] = "dlrm"
    #: What a row of the training is, and what the score means. ``candidates``: a retrieved candidate, and
    #: the probability that it is relevant. ``positives``: an interaction, and the probability that it is a
    #: positive. ``label``: an interaction, and its label, by squared error.
    target: Literal["candidates", "positives", "label"] = "candidates"
    #: Whether user and item ids are among its inputs. Where an id has few interactions, the ranker learns
    #: the training users by heart through it.
    ids: bool = True
    embedding_dim: Positive = 16
    #: ``dlrm``: the MLP of the numbers.
    bottom_layers: tuple[Positive, ...] = (64,)
    #: ``wide-and-deep``: pairs of columns whose values together have a weight on the wide side, such as
    #: ``["occupation", "genres"]``; hashed into so many bins, shared by all pairs of columns.
    crosses: tuple[tuple[str, str], ...] = ()
    cross_bins: Positive = 10_000
    #: ``wide-and-deep``: FTRL's learning rate, and its L2 penalty.
    wide_learning_rate: PositiveFloat = 0.1
    wide_l2: Annotated[float, Field(ge=0)] = 0.0
    #: ``wide-and-deep``: add the inner product of the user's and the item's embedding.
    dot_product: bool = False
    #: ``wide-and-deep``: deep sides, each trained for itself, whose mean is the answer.
    copies: Annotated[int, Field(ge=1, le=16)] = 1
    #: ``wide-and-deep``: of the deep side. ``weight_decay`` is for adamw.
    optimizer: Literal["adamw", "adagrad"] = "adamw"
    top_layers: tuple[Positive, ...] = (64, 32)
    batch_size: Positive = 1024
    #: Falls to zero over ``max_epochs``, linearly.
    learning_rate: PositiveFloat = 0.001
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    dropout: Rate = 0.0
    max_epochs: Positive = 8
    #: As in the retriever's table.
    patience: Annotated[int, Field(ge=0)] = 3
    log_every: Annotated[int, Field(ge=0)] = 0
    seed: int = 42


class Joint(Table):
    """Retriever and ranker trained together: towers shared, two heads, one weighted loss.

    The retrieval head is the softmax of ``retriever.kind``, the rating head predicts the label.
    """

    retrieval_weight: Annotated[float, Field(ge=0)] = 0.5
    rating_weight: Annotated[float, Field(ge=0)] = 0.5
    batch_size: Annotated[int, Field(ge=2)] = 1024
    learning_rate: PositiveFloat = 0.005
    #: The learning rate is halved after this many epochs without a better validation loss.
    plateau: Positive = 2
    max_epochs: Positive = 20
    patience: Positive = 4
    #: As in the retriever's table.
    log_every: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _something_is_learnt(self) -> "Joint":
        if self.retrieval_weight + self.rating_weight == 0:
            raise ValueError("retrieval_weight and rating_weight must not both be 0")
        return self


class Space(Table):
    """Values to try: from ``low`` to ``high``, with ``log`` evenly in their logarithm; or ``choices``."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False
    choices: tuple[bool | int | float | str | None, ...] = ()

    @model_validator(mode="after")
    def _a_range_or_choices(self) -> "Space":
        if self.choices and self.low is None and self.high is None:
            return self
        if self.choices or self.low is None or self.high is None:
            raise ValueError("expected `low` and `high`, or `choices` with one value or more")
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError("`low` must be below `high`, and above 0 where `log` is set")
        if self.integer and not (self.low.is_integer() and self.high.is_integer()):
            raise ValueError("with `integer` both `low` and `high` must be whole numbers")
        return self


class Tune(Table):
    """Which settings `shortlist tune` searches, by their keys, such as ``retriever.learning_rate``."""

    trials: Positive = 20
    seed: int = 42
    space: Annotated[dict[str, Space], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_stage_is_tuned(self) -> "Tune":
        stages = {key.split(".")[0] for key in self.space}
        if len(stages) > 1 or not stages <= {"retriever", "ranker"}:
            raise ValueError(
                "the keys of space must all begin with 'retriever.', or all with 'ranker.': one "
                f"stage is tuned at a time, and they begin with {sorted(stages)}"
            )
        return self


class Evaluation(Table):
    """What the report holds."""

    k: Annotated[tuple[Positive, ...], Field(min_length=1)] = (10,)
    #: At most this many test users are asked for, drawn with the split's seed. By default all.
    users: Positive | None = None
    #: Further protocols of ``evaluation/protocols/``, by name.
    protocols: tuple[
        Literal["sampled-negatives", "top-k-accuracy", "rating-error", "click-prediction"], ...
    ] = ()


class Serving(Table):
    """What the served ensemble does with a request."""

    #: How many candidates of a user are ranked.
    candidates: Annotated[int, Field(ge=1, le=10_000)] = 100
    #: Answers per user where the request does not say.
    top_k: Positive = 10
    max_batch_size: Positive = 256
    #: ``auto``: exact up to 100,000 items, HNSW above.
    index: Literal["auto", "exact", "hnsw"] = "auto"

    @model_validator(mode="after")
    def _answers_come_from_candidates(self) -> "Serving":
        if self.top_k > self.candidates:
            raise ValueError(f"top_k ({self.top_k}) must be at most candidates ({self.candidates})")
        return self


class Recipe(Table):
    """One recommender: its data, features, models and serving."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    title: str = ""
    source: Source
    columns: Columns
    interactions: Interactions = Interactions()
    vocabulary: Vocabulary = Vocabulary()
    features: Features = Features()
    split: Split
    retriever: Retriever = Retriever()
    ranker: Ranker = Ranker()
    joint: Joint | None = None
    evaluation: Evaluation = Evaluation()
    serving: Serving = Serving()
    tune: Tune | None = None
    _file: str | None = PrivateAttr(default=None)

    @property
    def given_as(self) -> str:
        """What a person types for this recipe: its name, or the path of its TOML file."""
        return self._file or self.name

    @model_validator(mode="after")
    def _evaluation_looks_at_candidates(self) -> "Recipe":
        deepest = max(self.evaluation.k)
        if deepest > self.serving.candidates:
            raise ValueError(
                f"evaluation.k ({deepest}) must be at most serving.candidates ({self.serving.candidates})"
            )
        return self

    @model_validator(mode="after")
    def _the_ranker_has_categories(self) -> "Recipe":
        features = [*self.features.user.values(), *self.features.item.values()]
        if self.ranker.kind == "none" or self.ranker.ids:
            return self
        if all(feature.kind == "numeric" for feature in features):
            raise ValueError(
                "ranker.ids = false leaves the ranker without a category: give a feature of kind "
                "'categorical' or 'bucket', or set ranker.ids = true"
            )
        return self

    @model_validator(mode="after")
    def _stages_fit_together(self) -> "Recipe":
        retriever, ranker = self.retriever.kind, self.ranker.kind
        if retriever == "none" and (ranker == "none" or self.ranker.target == "candidates"):
            raise ValueError(
                "retriever.kind 'none' leaves the work to the ranker, which must then learn from "
                "interactions: set ranker.target = 'positives' or 'label'"
            )
        if retriever == "masked-softmax" and not self.interactions.history_length:
            raise ValueError(
                "retriever.kind 'masked-softmax' needs interactions.history_length > 0"
            )
        if self.ranker.target == "label" and self.columns.label is None:
            raise ValueError("ranker.target 'label' needs columns.label")
        if ranker == "wide-and-deep" and not self.ranker.ids:
            raise ValueError("ranker.kind 'wide-and-deep' crosses the ids: leave ranker.ids = true")
        if self.ranker.target == "positives" and self.interactions.positive is None:
            raise ValueError("ranker.target 'positives' needs interactions.positive")
        if self.joint is not None and (retriever != "softmax" or self.ranker.target != "label"):
            raise ValueError("[joint] needs retriever.kind 'softmax' and ranker.target 'label'")
        return self

    @model_validator(mode="after")
    def _crosses_are_of_categories(self) -> "Recipe":
        features = {**self.features.user, **self.features.item}
        known = [self.columns.user, self.columns.item]
        known += [name for name, feature in features.items() if feature.kind != "numeric"]
        for pair in self.ranker.crosses:
            for name in pair:
                if name not in known:
                    raise ValueError(
                        f"ranker.crosses names '{name}', and categories are: {', '.join(known)}"
                    )
        return self

    @model_validator(mode="after")
    def _a_column_plays_one_part(self) -> "Recipe":
        taken: dict[str, str] = {
            f"{self.columns.item}_history": "the history of columns.item",
            POSITIVE: "the mark of a positive",
        }
        parts = [
            (f"columns.{part}", name)
            for part in ("user", "item", "timestamp", "label", "weight")
            if (name := getattr(self.columns, part)) is not None
        ]
        parts += [(f"features.user.{name}", name) for name in self.features.user]
        parts += [(f"features.item.{name}", name) for name in self.features.item]
        for part, name in parts:
            if name in taken:
                raise ValueError(
                    f"'{name}' is both {taken[name]} and {part}; the models see one table with "
                    "all columns, so rename one of them in the data"
                )
            taken[name] = part
        return self
