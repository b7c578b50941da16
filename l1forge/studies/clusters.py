"""Dask clusters that count pieces of a study: one that runs, or processes of this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from l1forge.emulator.errors import InputError
from l1forge.emulator.extras import naming_extras

if TYPE_CHECKING:
    from l1forge.studies.rates_counting import Part, Piece, Work

CONNECT_S = 20
"""How long a scheduler may take to answer."""
_LOCAL = re.compile(r"local:([1-9][0-9]{0,3})")
_ADDRESS = re.compile(r"(tcp|tls|ws|wss|ucx)://\S+:\d+")


class Cluster:
    """Workers that a Dask scheduler hands pieces to."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def run(self, work: Work, pieces: Sequence[tuple[int, Piece]]) -> Iterator[tuple[int, Part]]:
        """The result of each (place, piece) with its place, as they come.

        A worker that dies has its pieces counted by others.
        """
        from distributed import as_completed

        from l1forge.studies.rates_counting import count_piece

        # a name of its own: one that an earlier, cancelled run released may still be vanishing
        sent = self._client.scatter(work, broadcast=True, hash=False)
        places = {}
        for place, piece in pieces:
            places[self._client.submit(count_piece, sent, piece, pure=False, retries=2)] = place
        try:
            for future in as_completed(list(places)):
                yield places.pop(future), future.result()
                future.release()
        finally:
            self._client.cancel(list(places))


@contextmanager
def cluster(address: str) -> Iterator[Cluster]:
    """The cluster of a scheduler (``tcp://host:8786``), or of N processes here (``local:N``), while needed.

    Raises
    ------
    InputError
        If it is neither, or no scheduler answers there.
    """
    match = _LOCAL.fullmatch(address)
    if match is None and not _ADDRESS.fullmatch(address):
        raise InputError(
            "is not a Dask cluster", field="--dask", value=address, remedy="tcp://HOST:PORT or local:N"
        )
    with _client(address, int(match[1]) if match else None) as client:
        yield Cluster(client)


@contextmanager
@naming_extras()
def _client(address: str, processes: int | None) -> Iterator[Any]:
    from distributed import Client, LocalCluster

    if processes is not None:
        with (
            LocalCluster(
                n_workers=processes, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
            ) as local,
            Client(local) as client,
        ):
            yield client
        return
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise InputError(
            "no scheduler answers", field="--dask", value=address, remedy="start one: dask scheduler"
        ) from error
    with client:
        yield client
