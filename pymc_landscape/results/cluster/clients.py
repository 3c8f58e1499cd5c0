"""The argument ``client`` of verbs: none, a client of Dask's, or the one that is current."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from distributed import Client

    ClientLike = Client | Literal["current"] | None
else:
    ClientLike = Any

INSTALL = "install it with pip install 'pymc-landscape[dask]', or leave client out."


def checked_client(client: ClientLike) -> Client | None:
    """Return the client that is meant.

    Parameters
    ----------
    client : distributed.Client, "current" or None
        ``"current"`` is the one that Dask itself would use: that of the surrounding ``with`` block, or made last.

    Returns
    -------
    Client or None
        None where work is to be done in this process.

    Raises
    ------
    ImportError
        If there is no ``distributed``.
    ValueError
        If no client is current; if it is closed, or one of an event loop.
    TypeError
        If it is something else.
    """
    if client is None:
        return None
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError(f"Expected the package distributed for client=, got none: {INSTALL}") from error
    if isinstance(client, str) and client == "current":
        try:
            client = Client.current()
        except ValueError as error:
            raise ValueError(
                "Expected a current client for client='current', got none: make one with distributed.Client()."
            ) from error
    if not isinstance(client, Client):
        raise TypeError(
            f"Expected client to be a distributed.Client, 'current' or None, got {type(client).__name__}: make one "
            "with distributed.Client(cluster)."
        )
    if client.asynchronous:
        raise ValueError("Expected a client that waits, got an asynchronous one: make it with asynchronous=False.")
    if client.status != "running":
        raise ValueError(f"Expected a client that is connected, got one that is {client.status}: make another.")
    return client
