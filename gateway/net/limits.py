"""The limits of a listening socket, each finite (spec: wire, sections 1 and 2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What one listening process allows; seconds and bytes as the names say."""

    max_frame_bytes: int = 16 * 1024 * 1024
    max_connections: int = 2000
    first_frame_timeout_seconds: float = 10.0
    idle_timeout_seconds: float = 60.0
    handler_timeout_seconds: float = 30.0
    write_timeout_seconds: float = 10.0
    linger_seconds: float = 1.0
    linger_bytes: int = 65536
    # Bytes that may wait behind a frame that is being answered before reading pauses.
    read_ahead_bytes: int = 65536

    @property
    def hard_connections(self) -> int:
        """Connections beyond which even the busy answer is not worth a socket."""
        return self.max_connections + max(16, self.max_connections // 4)

    @property
    def tick_seconds(self) -> float:
        """How often deadlines are looked at: a tenth of the shortest, 20 ms to 250 ms."""
        shortest = min(
            self.first_frame_timeout_seconds,
            self.idle_timeout_seconds,
            self.handler_timeout_seconds,
            self.write_timeout_seconds,
            self.linger_seconds,
        )
        return min(0.25, max(0.02, shortest / 10))
