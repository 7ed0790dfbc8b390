"""Pay codes (缴款识别码) and their check digit."""

from __future__ import annotations

import pytest

from nontax.codecs import (
    PayCode,
    PayCodePolicy,
    RemoteProtocolError,
    check_pay_code,
    make_pay_code,
    parse_pay_code,
    pay_code_digit,
)

SPECIMEN = "32000018000000298487"  # printed in the documents, digit perhaps misread
UNIT_CODE = "32068222300000000007"  # assigned by a unit (part 300), seen in real traffic


@pytest.mark.parametrize(
    ("first19", "digit"),
    [
        ("3206822610000000001", "4"),  # digit sum 31
        ("3206822230000000000", "1"),  # digit sum 28
        ("3200001800000029848", "9"),  # digit sum 45: 0 is written as 9
        ("0000000000000000000", "9"),
        ("9999999999999999999", "9"),
    ],
)
def test_the_digit_is_the_digit_sum_modulo_nine(first19: str, digit: str) -> None:
    assert pay_code_digit(first19) == digit


@pytest.mark.parametrize("first19", ["", "320682261000000000", "32068226100000000011", "x" * 19])
def test_the_digit_needs_nineteen_digits(first19: str) -> None:
    with pytest.raises(ValueError, match="19 digits"):
        pay_code_digit(first19)


def test_a_code_is_made_of_its_parts() -> None:
    code = make_pay_code("320682", "26", "100", 1)
    assert code == "32068226100000000014"
    assert parse_pay_code(code) == PayCode("320682", "26", "100", 1, "4")
    assert str(parse_pay_code(code)) == code


@pytest.mark.parametrize(
    ("region", "year", "assigner", "serial"),
    [
        ("32068", "26", "100", 1),
        ("3206822", "6", "100", 1),
        ("320682", "2026", "100", 1),
        ("320682", "26", "10", 1),
        ("320682", "26", "1x0", 1),
        ("３２０６８２", "26", "100", 1),
        ("320682", "26", "100", 0),
        ("320682", "26", "100", -1),
        ("320682", "26", "100", 100_000_000),
    ],
)
def test_no_code_is_made_of_other_parts(region: str, year: str, assigner: str, serial: int) -> None:
    with pytest.raises(ValueError, match="no pay code"):
        make_pay_code(region, year, assigner, serial)


def test_codes_that_do_not_follow_the_scheme() -> None:
    for code in (SPECIMEN, UNIT_CODE):
        parts = parse_pay_code(code)
        assert parts is not None
        assert not parts.valid
        assert str(parts) == code


@pytest.mark.parametrize("number", ["1", "0013933922", "3206822230000000000", "A" * 20, ""])
def test_a_paper_bills_number_has_no_parts(number: str) -> None:
    assert parse_pay_code(number) is None
    assert check_pay_code(number, lambda _: PayCodePolicy.REQUIRE) is None


def test_the_policy_of_the_assigning_part_decides() -> None:
    policies = {"300": PayCodePolicy.OFF, "000": PayCodePolicy.REQUIRE}

    def policy_of(assigner: str) -> PayCodePolicy:
        return policies.get(assigner, PayCodePolicy.WARN)

    assert check_pay_code(UNIT_CODE, policy_of) is None
    with pytest.raises(RemoteProtocolError) as caught:
        check_pay_code(SPECIMEN, policy_of)
    assert (caught.value.code, caught.value.tag) == ("10002", "PayCode")
    assert "缴款识别码" in caught.value.information
    warning = check_pay_code("32068226100000000015", policy_of)
    assert warning is not None
    assert "32068226100000000015" in warning
    assert check_pay_code("32068226100000000014", policy_of) is None
