"""The life of a token: what is good when, and which change is accepted."""

from __future__ import annotations

import pytest

from nontax.mac import TokenError, TokenState, check_token

FIRST = "A" * 32
SECOND = "b" * 32
THIRD = "3" * 32
NOW = 1_790_000_000_000
CONFIRM, GRACE = 3600, 60


def test_a_token_that_never_changed_is_the_only_one() -> None:
    state = TokenState(FIRST)
    assert state.candidates(NOW, CONFIRM, GRACE) == (FIRST,)
    assert state.previous_until(CONFIRM, GRACE) is None
    assert state.verified_with(FIRST, NOW) is state
    assert not state.awaits_confirmation


def test_the_previous_token_stays_good_until_the_first_frame_with_the_new_one() -> None:
    state = TokenState(FIRST).changed(SECOND, NOW)
    assert state == TokenState(SECOND, FIRST, NOW, None)
    assert state.awaits_confirmation
    assert state.candidates(NOW, CONFIRM, GRACE) == (SECOND, FIRST)
    later = NOW + 1_000_000
    assert state.verified_with(FIRST, later) is state  # a frame with the old one confirms nothing
    confirmed = state.verified_with(SECOND, later)
    assert confirmed.confirmed_at == later
    assert not confirmed.awaits_confirmation
    assert confirmed.verified_with(SECOND, later + 5_000) is confirmed
    assert confirmed.candidates(later + 59_999, CONFIRM, GRACE) == (SECOND, FIRST)
    assert confirmed.candidates(later + 60_000, CONFIRM, GRACE) == (SECOND,)


def test_a_grace_of_nothing_ends_the_previous_token_with_the_first_new_frame() -> None:
    state = TokenState(FIRST).changed(SECOND, NOW)
    assert state.candidates(NOW + 10, CONFIRM, 0) == (SECOND, FIRST)
    assert state.verified_with(SECOND, NOW + 10).candidates(NOW + 10, CONFIRM, 0) == (SECOND,)


def test_without_a_new_frame_the_previous_token_ends_after_confirmation_time_and_grace() -> None:
    state = TokenState(FIRST).changed(SECOND, NOW)
    end = NOW + (CONFIRM + GRACE) * 1000
    assert state.previous_until(CONFIRM, GRACE) == end
    assert state.candidates(end - 1, CONFIRM, GRACE) == (SECOND, FIRST)
    assert state.candidates(end, CONFIRM, GRACE) == (SECOND,)
    assert state.candidates(NOW + CONFIRM * 1000, CONFIRM, 0) == (SECOND,)


def test_a_late_confirmation_never_revives_the_previous_token() -> None:
    state = TokenState(FIRST).changed(SECOND, NOW)
    late = NOW + (CONFIRM + GRACE) * 1000 + 1
    confirmed = state.verified_with(SECOND, late)
    assert confirmed.candidates(late, CONFIRM, GRACE) == (SECOND,)


def test_under_the_previous_token_only_the_same_change_is_accepted() -> None:
    state = TokenState(FIRST).changed(SECOND, NOW)
    assert state.accepts_change(SECOND, verified=FIRST)
    assert not state.accepts_change(THIRD, verified=FIRST)
    assert not state.accepts_change(FIRST, verified=FIRST)
    assert state.accepts_change(THIRD, verified=SECOND)
    assert state.accepts_change(SECOND, verified=SECOND)


def test_a_repetition_changes_nothing_and_does_not_prolong_the_previous_token() -> None:
    state = TokenState(FIRST).changed(SECOND, NOW)
    assert state.changed(SECOND, NOW + 5_000_000) is state


def test_a_second_change_forgets_the_oldest_token() -> None:
    state = TokenState(FIRST).changed(SECOND, NOW).changed(THIRD, NOW + 1000)
    assert state.candidates(NOW + 1000, CONFIRM, GRACE) == (THIRD, SECOND)
    assert state.confirmed_at is None


@pytest.mark.parametrize(
    "text", ["", "A" * 31, "A" * 33, "A" * 31 + "-", "Ａ" * 32, "A" * 31 + "\n"]
)
def test_a_token_is_32_letters_or_digits(text: str) -> None:
    with pytest.raises(TokenError):
        check_token(text)
    with pytest.raises(TokenError):
        TokenState(text)
    with pytest.raises(TokenError):
        TokenState(FIRST).changed(text, NOW)


def test_a_previous_token_needs_the_instant_of_the_change() -> None:
    with pytest.raises(TokenError, match="instant"):
        TokenState(FIRST, SECOND)
    with pytest.raises(TokenError):
        TokenState(FIRST, "short", NOW)


def test_tokens_are_never_shown() -> None:
    state = TokenState(FIRST).changed(SECOND, NOW)
    for shown in (repr(state), str(state), f"{state}"):
        assert FIRST not in shown
        assert SECOND not in shown
        assert "***" in shown
