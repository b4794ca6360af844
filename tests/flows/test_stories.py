"""The stories, told in the cluster in a box."""

from tests.sandbox.world import World
from tests.stories.every import *  # noqa: F403
from tests.stories.worlds import world_fixture

world = world_fixture(World)
