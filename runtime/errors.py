"""Errors while serving, other than bugs."""


class ReleaseError(Exception):
    """A release cannot be loaded; the message names the file and the problem."""


class StoreError(Exception):
    """The feature store cannot be read or written; the message names it and the cause."""


class RequestError(Exception):
    """A request asks for something impossible; the message says what was expected and got."""
