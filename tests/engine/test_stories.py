"""The stories, told on real parts."""

from tests.engine.lab import Lab
from tests.stories.every import *  # noqa: F403
from tests.stories.worlds import world_fixture

world = world_fixture(Lab)
