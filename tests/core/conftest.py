"""How many examples a property is tried on: a few whenever somebody works here, a hundred in `make test-all`."""

from hypothesis import settings

# A loaded machine is no finding, and what failed is printed: no folder of examples has to be kept for it.
settings.register_profile("thorough", deadline=None, max_examples=100, database=None, print_blob=True)
settings.register_profile("daily", settings.get_profile("thorough"), max_examples=5)
settings.load_profile("daily")
