"""Sockets: the listening server, the calling client and their limits."""
