"""Stories about the whole product, each told once and in every kind of world.

A story uses what all of these have (hosts and their files, the PBX stand-in, `ask`, `containers` and the like); where
it needs more, every kind of world gets it under the same name. `test_stories.py` of a world collects the list.
"""

import pytest

# Their asserts shall explain themselves, though pytest finds them in other modules only.
pytest.register_assert_rewrite(
    *(
        f"{__name__}.{part}"
        for part in ("going_back", "installing", "leaving", "meeting", "rehearsing", "serving", "upgrading", "words")
    )
)
