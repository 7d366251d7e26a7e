"""Columns of the prepared data as tensors of the models, whose names Keras and ONNX accept."""

from merlin.schema import ColumnSchema, Tags

from runtime.safe_names import history_name, safe_name

#: The property of a column with its name in the prepared files.
_STORED = "stored"


def as_tensor(column: ColumnSchema, item: str) -> ColumnSchema:
    """The column with the name of its tensor, and with a domain whose name is as safe.

    ``item``: the column of the item id, after which the history is named.
    """
    name = history_name(item) if Tags.SEQUENCE in column.tags else safe_name(column.name)
    properties = {**column.properties, _STORED: column.name}
    if domain := properties.get("domain", {}).get("name"):
        properties["domain"] = {**properties["domain"], "name": safe_name(domain)}
    return column.with_name(name).with_properties(properties)


def stored_name(column: ColumnSchema) -> str:
    """The name that a column of ``PreparedData.schema`` has in the prepared files."""
    return str(column.properties.get(_STORED, column.name))
