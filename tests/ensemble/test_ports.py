"""Ports that are asked for, and ports that are found."""

import socket

import pytest

from ensemble.triton.ports import choose_ports
from stages.errors import ShortlistError


def test_a_busy_port_is_named_with_the_way_out() -> None:
    """The message names the port and the option that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ShortlistError, match=rf"port {port} .*--http-port"):
            choose_ports("127.0.0.1", http=port)


def test_given_ports_are_kept_and_the_others_are_free() -> None:
    """A given free port is used as it is; the rest are three different ones."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    ports = choose_ports("127.0.0.1", grpc=free)
    assert ports.grpc == free
    assert len({ports.http, ports.grpc, ports.metrics}) == 3


def test_a_busy_usual_port_is_passed_over() -> None:
    """Without a wish, whatever is free will do."""
    first = choose_ports("127.0.0.1")
    with socket.create_server(("127.0.0.1", first.http)):
        assert choose_ports("127.0.0.1").http != first.http


def test_one_port_for_two_purposes_is_refused() -> None:
    """HTTP and gRPC cannot share a port."""
    with pytest.raises(ShortlistError, match="different ports"):
        choose_ports("127.0.0.1", http=9000, grpc=9000)


def test_an_impossible_port_is_refused() -> None:
    """A number that is no port gets the same message."""
    with pytest.raises(ShortlistError, match="port 70000"):
        choose_ports("127.0.0.1", http=70000)
