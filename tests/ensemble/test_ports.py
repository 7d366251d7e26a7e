"""Requested ports and free ports."""

import socket

import pytest

from ensemble.triton.ports import Ports, reserved_ports
from stages.errors import ShortlistError

HOST = "127.0.0.1"


def numbers(ports: Ports) -> set[int]:
    return {ports.http, ports.grpc, ports.metrics}


def test_a_busy_port_is_named_with_the_way_out() -> None:
    """The message names the port and the option that chooses another."""
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ShortlistError, match=rf"port {port} .*--http-port"),
            reserved_ports(HOST, http=port),
        ):
            pass


def test_given_ports_are_kept_and_the_others_are_free() -> None:
    """A given free port is used; the others differ from it and from each other."""
    with socket.create_server((HOST, 0)) as probe:
        free = probe.getsockname()[1]
    with reserved_ports(HOST, grpc=free) as ports:
        assert ports.grpc == free
        assert len(numbers(ports)) == 3


def test_a_busy_usual_port_is_passed_over() -> None:
    """Without a given port, any free one is used."""
    with reserved_ports(HOST) as ports:
        usual = ports.http
    with socket.create_server((HOST, usual)), reserved_ports(HOST) as ports:
        assert ports.http != usual


def test_two_servers_that_start_at_once_have_ports_of_their_own() -> None:
    """Before either listens, the second gets other ports, and may not request the first one's."""
    with reserved_ports(HOST) as first:
        with reserved_ports(HOST) as second:
            assert not numbers(first) & numbers(second)
        with (
            pytest.raises(ShortlistError, match="another shortlist server is starting"),
            reserved_ports(HOST, grpc=first.grpc),
        ):
            pass
    with reserved_ports(HOST, grpc=first.grpc) as again:
        assert again.grpc == first.grpc


def test_one_port_for_two_purposes_is_refused() -> None:
    """HTTP and gRPC cannot share a port."""
    with (
        pytest.raises(ShortlistError, match="different ports"),
        reserved_ports(HOST, http=9000, grpc=9000),
    ):
        pass


def test_an_impossible_port_is_refused() -> None:
    """A number that is not a port gets the same message."""
    with (
        pytest.raises(ShortlistError, match="port 70000"),
        reserved_ports(HOST, http=70000),
    ):
        pass
