"""The one list of stories; those that share a world stand together."""

from tests.stories.foretelling import (
    test_a_rehearsal_foretells_the_database_that_an_upgrade_cannot_load,
    test_a_rehearsal_foretells_the_part_that_an_upgrade_sets_aside,
)
from tests.stories.going_back import test_an_upgrade_is_rolled_back_with_proof
from tests.stories.installing import test_a_bare_host_gets_the_service_and_a_second_run_changes_nothing
from tests.stories.leaving import (
    test_removing_wants_the_name_leaves_every_file_and_an_install_finds_every_row,
)
from tests.stories.meeting import test_a_first_contact_sees_everything_and_changes_nothing
from tests.stories.rehearsing import (
    test_a_server_without_room_is_told_the_figures,
    test_a_stopped_service_is_rehearsed_from_its_files_and_stays_stopped,
    test_an_upgrade_that_asks_for_a_rehearsal_goes_well_after_one,
    test_what_a_killed_worker_left_is_removed,
    test_what_the_new_clickhouse_cannot_load_fails_the_rehearsal_alone,
)
from tests.stories.serving import (
    test_a_recreate_with_a_new_token_keeps_parameters_images_and_calls,
    test_a_script_that_is_killed_half_way_is_recovered,
    test_a_start_ends_a_restart_that_failed_half_way,
    test_a_stop_is_noted_and_the_next_start_proves_every_row,
    test_containers_that_are_killed_come_back_with_every_call,
    test_the_ssh_servers_are_restarted_while_the_script_runs,
)
from tests.stories.upgrading import (
    test_a_data_folder_that_is_empty_at_the_start_is_noticed,
    test_an_upgrade_keeps_every_acknowledged_call,
    test_an_upgrade_whose_pull_fails_stops_nothing,
)

__all__ = [
    "test_a_bare_host_gets_the_service_and_a_second_run_changes_nothing",
    "test_a_data_folder_that_is_empty_at_the_start_is_noticed",
    "test_a_first_contact_sees_everything_and_changes_nothing",
    "test_a_recreate_with_a_new_token_keeps_parameters_images_and_calls",
    "test_a_rehearsal_foretells_the_database_that_an_upgrade_cannot_load",
    "test_a_rehearsal_foretells_the_part_that_an_upgrade_sets_aside",
    "test_a_script_that_is_killed_half_way_is_recovered",
    "test_a_server_without_room_is_told_the_figures",
    "test_a_start_ends_a_restart_that_failed_half_way",
    "test_a_stop_is_noted_and_the_next_start_proves_every_row",
    "test_a_stopped_service_is_rehearsed_from_its_files_and_stays_stopped",
    "test_an_upgrade_is_rolled_back_with_proof",
    "test_an_upgrade_keeps_every_acknowledged_call",
    "test_an_upgrade_that_asks_for_a_rehearsal_goes_well_after_one",
    "test_an_upgrade_whose_pull_fails_stops_nothing",
    "test_containers_that_are_killed_come_back_with_every_call",
    "test_removing_wants_the_name_leaves_every_file_and_an_install_finds_every_row",
    "test_the_ssh_servers_are_restarted_while_the_script_runs",
    "test_what_a_killed_worker_left_is_removed",
    "test_what_the_new_clickhouse_cannot_load_fails_the_rehearsal_alone",
]
