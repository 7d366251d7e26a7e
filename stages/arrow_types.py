"""Arrow types as every reader of the artifacts knows them."""

import pyarrow as pa


def plain(schema: pa.Schema) -> pa.Schema:
    """Dictionary-encoded columns decoded, large strings and lists as ordinary ones."""
    return pa.schema([pa.field(field.name, _plain_type(field.type)) for field in schema])


def is_list(kind: pa.DataType) -> bool:
    """Whether a row has several values, however many."""
    return (
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if is_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    return kind
