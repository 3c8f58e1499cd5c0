"""A report of a model: one page with everything that its likelihood says, and the numbers behind it."""

from pymc_landscape.pages.model_report.fit_to_report import report
from pymc_landscape.pages.model_report.report_result import Report

__all__ = [
    "Report",
    "report",
]
