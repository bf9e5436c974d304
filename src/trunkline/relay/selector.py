"""I/O. What a gateway's event loop waits with: its own descriptors, and the sockets of calls.

A frame that goes the short way never makes the loop return, so that it costs what the
kernel, `_pump.pyx` and `_lane.pyx` take, and no turn of a loop.
"""

from __future__ import annotations

import selectors
from collections.abc import Iterator, Mapping
from selectors import EVENT_READ, EVENT_WRITE, SelectorKey
from typing import TYPE_CHECKING, Any

from trunkline.relay._pump import Pump

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike


class PumpSelector(selectors.BaseSelector):
    """For `asyncio.SelectorEventLoop`."""

    def __init__(self) -> None:
        self.pump = Pump()
        self._keys: dict[int, SelectorKey] = {}
        self._known = _Known(self._keys)

    def register(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        """Wait for `events` of `fileobj` too.

        Raises:
            KeyError: it is registered already.
            OSError: the kernel refuses.
        """
        fd = _fd_of(fileobj)
        if fd in self._keys:
            raise KeyError(f"{fileobj!r} is registered already")
        self.pump.want(fd, bool(events & EVENT_READ), bool(events & EVENT_WRITE))
        self._keys[fd] = SelectorKey(fileobj, fd, events, data)
        return self._keys[fd]

    def unregister(self, fileobj: FileDescriptorLike) -> SelectorKey:
        """Wait for `fileobj` no more. Raises `KeyError` when it is not registered."""
        fd = _fd_of(fileobj)
        key = self._keys.pop(fd)
        self.pump.want(fd, False, False)
        return key

    def modify(self, fileobj: FileDescriptorLike, events: int, data: Any = None) -> SelectorKey:
        """Wait for other events of `fileobj`. Raises `KeyError` when it is not registered."""
        fd = _fd_of(fileobj)
        before = self._keys[fd]
        if before.events != events:
            self.pump.want(fd, bool(events & EVENT_READ), bool(events & EVENT_WRITE))
        self._keys[fd] = SelectorKey(fileobj, fd, events, data)
        return self._keys[fd]

    def select(self, timeout: float | None = None) -> list[tuple[SelectorKey, int]]:
        """Return what can be read or written, as soon as there is any."""
        ready = list[tuple[SelectorKey, int]]()
        for fd, readable, writable in self.pump.wait(timeout):
            # One may have been unregistered by what another one brought.
            if key := self._keys.get(fd):
                events = (EVENT_READ if readable else 0) | (EVENT_WRITE if writable else 0)
                ready.append((key, events & key.events))
        return ready

    def get_key(self, fileobj: FileDescriptorLike) -> SelectorKey:
        """Return what is registered of `fileobj`. Raises `KeyError` when nothing is."""
        return self._keys[_fd_of(fileobj)]

    def get_map(self) -> Mapping[Any, SelectorKey]:
        """Return what is registered, by descriptor, or by what has one: loops ask with both."""
        return self._known

    def close(self) -> None:
        """Wait for nothing any more."""
        for fd in list(self._keys):
            self.unregister(fd)


class _Known(Mapping[Any, SelectorKey]):
    def __init__(self, keys: dict[int, SelectorKey]) -> None:
        self._keys = keys

    def __getitem__(self, fileobj: FileDescriptorLike) -> SelectorKey:
        return self._keys[_fd_of(fileobj)]

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _fd_of(fileobj: FileDescriptorLike) -> int:
    return fileobj if isinstance(fileobj, int) else fileobj.fileno()
