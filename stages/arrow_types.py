"""Arrow types: those that Polars' tables are written with, and what the types of raw tables mean."""

from __future__ import annotations

from stages.lazy import pa


def plain(schema: pa.Schema) -> pa.Schema:
    """The schema with dictionary-encoded columns decoded, and large strings and lists as ordinary ones."""
    return pa.schema([pa.field(field.name, _plain_type(field.type)) for field in schema])


def is_number(kind: pa.DataType) -> bool:
    """Whether a row holds a number."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def is_time(kind: pa.DataType) -> bool:
    """Whether a row holds a time: integer seconds or a datetime."""
    return bool(pa.types.is_integer(kind) or pa.types.is_timestamp(kind))


def is_category(kind: pa.DataType) -> bool:
    """Whether a row's value can be a category."""
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_floating(kind)
    )


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _plain_type(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(_plain_type(kind.value_type))
    return kind
