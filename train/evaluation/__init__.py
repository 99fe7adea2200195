"""Measures what a model predicts: metrics, comparisons, robustness, and the report about them."""
