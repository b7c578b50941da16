"""From the text of a trigger menu (XML, YAML, JSON) to the compiled menu."""
