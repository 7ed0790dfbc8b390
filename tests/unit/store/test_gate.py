"""The gate that lets processes take turns at the write lock."""

from __future__ import annotations

from pathlib import Path

from nontax.gateway.store.sqlite.gate import Gate


def test_one_at_a_time(tmp_path: Path) -> None:
    one, two = Gate(tmp_path), Gate(tmp_path)
    assert one.enter()
    assert one.enter()  # it has it already
    assert not two.enter()
    one.leave()
    assert two.enter()
    assert not one.enter()
    two.close()
    assert one.enter()
    one.close()
    assert list(tmp_path.iterdir()) == []


def test_gates_of_other_directories_are_others(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    one, two = Gate(tmp_path), Gate(other)
    assert one.enter()
    assert two.enter()
    one.close()
    two.close()


def test_without_a_lock_the_gate_is_open(tmp_path: Path) -> None:
    gate = Gate(tmp_path / "missing")
    assert gate.enter()
    gate.leave()
    gate.close()
