"""Reconciliation (对账): what the banks' lists and the books do not agree on (spec: business, 9)."""
