"""Base data (基础数据) told to banks and the platform: 5952, 5953, 5981 and 5955.

`entries` makes a node's lists from the catalogue, `push` queues what is new in them, `following`
keeps the books in step with the outbox, `sync` does it by itself when the catalogue changes.
"""
