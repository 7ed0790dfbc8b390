"""What is said when a record breaks its table: the path, the value masked, the rule."""

from __future__ import annotations

from ..codecs.errors import LocalProtocolError, RemoteProtocolError, Rule, RuleError
from ..codecs.masking import mask, shown
from .fields import Scalar


class FieldError(Exception):
    """One field of one record is not as declared; grows its path on the way out.

    It never leaves this package: `remote` and `local` make the error that does.
    """

    def __init__(self, tag: str, rule: Rule | RuleError, value: str | None = None) -> None:
        super().__init__(tag)
        self.path = tag
        self.rule = rule if isinstance(rule, RuleError) else RuleError(rule)
        self.value = value

    def inside(self, place: str) -> FieldError:
        """The same refusal seen from the record that holds this one."""
        self.path = f"{place}/{self.path}"
        return self

    def remote(self) -> RemoteProtocolError:
        """The peer sent it: 10002."""
        return RemoteProtocolError(self.rule, tag=self.path, value=self.value)

    def local(self) -> LocalProtocolError:
        """We were about to write it."""
        value = "" if self.value is None else f" (value {self.value!r})"
        return LocalProtocolError(f"{self.rule.english}{value}", tag=self.path)


def refused(tag: str, field: Scalar, value: object, rule: RuleError) -> FieldError:
    """A refusal of ``value`` (any type), masked as the field says; nothing is shown of None."""
    return FieldError(tag, rule, visible(field, value) if value not in (None, "") else None)


def visible(field: Scalar, value: object) -> str:
    """``value`` as it may be seen by anybody, on one short line."""
    text = value if isinstance(value, str) else str(value)
    return mask(field.sensitive, text) if field.sensitive else shown(text)
