"""Figures against promises; none of them is a test, because a loaded machine would fail it."""
