"""Trigger menus: seed expressions compiled to hardware integers, and their evaluation."""
