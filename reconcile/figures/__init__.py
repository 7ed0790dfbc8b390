"""Figures for the budget management system: daily income and deposits, postings, statements.

Pure: movements of money go in, rows, control totals and documents come out.
"""
