"""How much is computed at once: a few threads, a short line before them, and a prompt 503 when both are full."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http import HTTPStatus
from typing import Protocol, TypeVar

from tdm_api.problems import Rejected

T = TypeVar("T")
# Design rules: nobody waits longer than this for a thread, and the line is no longer than can be served meanwhile.
LONGEST_WAIT_S = 0.8
MOST_WAITING = 64
MOST_BATCHES = 4
RETRY_AFTER_S = 1


class Computed(Protocol):
    """Computes one case of a batch that was admitted."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]:
        """Return what `work` returns, when its turn has come."""
        ...


class Busy(Rejected):
    """Raised when no thread comes free in time or the line is full: 503 with Retry-After (seconds)."""

    def __init__(self) -> None:
        super().__init__(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "busy",
            "The service has more work than it can do now; try again after the seconds of Retry-After.",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        )


class Capacity:
    """A bounded pool of threads for computing; a batch takes one thread at most, one case at a time."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="compute")
        self._free = asyncio.Semaphore(threads)
        # With two threads or more one is always left to single requests.
        self._free_for_batches = asyncio.Semaphore(max(1, threads - 1))
        self._waiting = 0
        self._batches = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Return what `work` returns, computed in a thread; raise `Busy` if none is free within `LONGEST_WAIT_S`."""
        if self._waiting >= MOST_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with asyncio.timeout(LONGEST_WAIT_S):
                await self._free.acquire()
        except TimeoutError:
            raise Busy from None
        finally:
            self._waiting -= 1
        return await self._computed(work)

    @contextmanager
    def batch(self) -> Iterator[Computed]:
        """Admit a batch and yield the function that computes its cases, in turn with everyone else's; or `Busy`."""
        if self._batches >= MOST_BATCHES:
            raise Busy
        self._batches += 1
        try:
            yield self._in_turn
        finally:
            self._batches -= 1

    async def _in_turn(self, work: Callable[[], T]) -> T:
        """A batch that was admitted is not turned away halfway, however long it waits."""
        async with self._free_for_batches:
            await self._free.acquire()
            return await self._computed(work)

    async def _computed(self, work: Callable[[], T]) -> T:
        """Compute in a thread that is ours; it is free again when the work ends, even if nobody waits any more."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        future.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(future)
