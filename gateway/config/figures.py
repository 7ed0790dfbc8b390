"""The section [figures]: what goes to the general ledger."""

from __future__ import annotations

from .fields import FolderName, ReadableFile, Section, setting


class FiguresConfig(Section):
    """Daily figures and posting files (机制凭证) for the general ledger."""

    posting_templates: ReadableFile | None = setting(
        "TOML file of posting templates; unset: those of the sample",
        None,
        example="postings.toml",
    )
    postings: FolderName = setting("folder for posting files", "spool/postings")
