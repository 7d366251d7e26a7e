"""The columns that a recipe uses, found in any source and turned into a few canonical types.

``columns`` finds them, ``types`` decides how each is read, ``times`` and ``texts`` read single values, and
``tables`` puts it together.
"""
