"""The check of docstrings sees what it is for."""

from __future__ import annotations

from docs.check_prose import complaints


def test_a_bare_clause_is_named_with_its_place(tmp_path):
    (tmp_path / "a.py").write_text('"""Whether it runs."""\n\n\ndef f():\n    """Return nothing."""\n')

    assert complaints(tmp_path) == [f"{tmp_path.name}/a.py:1: opens with a bare clause: Whether it runs."]


def test_semicolons_are_listed_where_they_are_too_many(tmp_path):
    (tmp_path / "a.py").write_text('"""A module; with two thoughts."""\n')

    assert complaints(tmp_path)[1:] == [f"  {tmp_path.name}/a.py:1"]


def test_code_in_a_docstring_may_hold_a_semicolon(tmp_path):
    (tmp_path / "a.py").write_text('"""A parser of ``a; b``."""\n')

    assert complaints(tmp_path) == []
