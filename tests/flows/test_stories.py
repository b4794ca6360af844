"""The stories, told in the cluster in a box; and one that would take too long on real parts."""

from tests.sandbox.world import World
from tests.stories.every import *  # noqa: F403
from tests.stories.going_back import test_a_rollback_to_a_damaged_point_goes_on_once_that_is_mended  # noqa: F401
from tests.stories.worlds import world_fixture

world = world_fixture(World)
