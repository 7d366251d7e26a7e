"""Recipes that only name columns, on real data: the funnel against simple methods."""
