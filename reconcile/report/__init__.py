"""The report of a reconciled day (对账报告): values in, page, CSV, JSON and terminal text out."""

from .html import ROWS_SHOWN
from .html import render as html_page
from .model import (
    AGES,
    UNKNOWN_HOUR,
    Header,
    Hour,
    InTransit,
    LastAction,
    NodeHead,
    RefundSum,
    Row,
    RunReport,
    ScopeLine,
)
from .tables import CSV_COLUMNS, as_json, csv_text, json_text
from .text import summary

__all__ = [
    "AGES",
    "CSV_COLUMNS",
    "ROWS_SHOWN",
    "UNKNOWN_HOUR",
    "Header",
    "Hour",
    "InTransit",
    "LastAction",
    "NodeHead",
    "RefundSum",
    "Row",
    "RunReport",
    "ScopeLine",
    "as_json",
    "csv_text",
    "html_page",
    "json_text",
    "summary",
]
