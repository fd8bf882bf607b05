"""The tasks of the suite ``perturbed``, written once and turned into families of twins."""
