"""Figures for Prometheus, put together when they are asked for."""
