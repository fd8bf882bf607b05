"""Evidence bundles: one file with everything that a verdict rests on, which anybody can check.

``archive`` is the file, ``signatures`` who vouches for it, ``making`` what goes in, ``verifying``
whether it gives the same verdict again.
"""
