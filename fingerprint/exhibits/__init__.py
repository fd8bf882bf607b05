"""Exhibits: what is attached to a verdict so that a reader can look for himself.

``records`` has the types, ``storage`` writes and reads them, the others compute one exhibit each:
``passages`` the texts side by side, ``prospects`` what more data would change, ``breakdown`` the
share by language, ``kinship`` which models group together.
"""
