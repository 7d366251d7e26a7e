"""Propose a recipe for tables that are seen for the first time."""
