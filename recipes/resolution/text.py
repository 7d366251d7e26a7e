"""A completed recipe as TOML, with who decided each setting."""

from recipes.editing import as_key, as_text, as_toml
from recipes.resolution.facts import Facts
from recipes.resolution.resolve import Resolved, is_written, resolve
from recipes.schema.recipe import Recipe
from stages.artifacts import Prepared
from stages.prerequisites import need

#: The tables that rules may complete; every setting of theirs is shown.
COMPLETED = ("retriever", "linear", "transitions", "als", "repeat", "ranker", "serving")


def explained(recipe: Recipe, prepared: Prepared | None) -> str:
    """``completed_text`` of a recipe, with the rules' decisions if ``prepared`` is given.

    Raises:
        ShortlistError: nothing is prepared.
    """
    if prepared is None:
        return completed_text(recipe, Resolved(recipe, {}))
    need(prepared.facts, "prepare", recipe.given_as)
    return completed_text(recipe, resolve(recipe, Facts.read(prepared.facts)))


def completed_text(written: Recipe, resolved: Resolved) -> str:
    """Return a recipe that decides everything itself, whatever the data; paths are absolute.

    Args:
        written: the recipe before any rule.
    """
    content = written.model_dump(mode="json", exclude_unset=True, exclude_none=True)
    others = as_text({name: of for name, of in content.items() if name not in COMPLETED})
    lines: list[str] = []
    for name in COMPLETED:
        lines += ["", f"[{name}]", *_settings(written, resolved, name)]
    return others + "\n".join(lines) + "\n"


def _settings(written: Recipe, resolved: Resolved, table: str) -> list[str]:
    options = getattr(resolved.recipe, table)
    content = options.model_dump(mode="json", exclude_none=True)
    lines = []
    for name, value in content.items():
        other, values = type(options).READ_WHERE.get(name, (None, ()))
        if other is not None and content.get(other) not in values:
            continue  # this kind does not read it
        full = f"{table}.{name}"
        who = "default"
        if is_written(written, full):
            who = "recipe"
        elif full in resolved.decisions:
            who = f"rule: {resolved.decisions[full].reason}"
        lines.append(f"{as_key(name)} = {as_toml(value)}  # {who}")
    return lines
