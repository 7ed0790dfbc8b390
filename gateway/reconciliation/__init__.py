"""Reconciliation (对账): what the banks' lists and the books disagree on (spec: business, 9)."""
