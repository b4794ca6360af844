"""What is on the server: found by mounts, compared by image ids, healthy or not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.core.installed import Installed, Service, healthy, installed, service
from flows.core.snapshot import Container, DockerFacts, Image
from tests.core.healthy import CLICKHOUSE, DATAFLOW, SNAPSHOT

PATH = "/var/lib/portsip"
DOCKER = SNAPSHOT.docker
HELPER = replace(DATAFLOW, id="c3", name="portsip.dataflow_initdt", running=False)
STRANGER = replace(DATAFLOW, id="c4", name="backup", image="restic", mounts={"/data": f"{PATH}/dataflow"})
ELSEWHERE = replace(CLICKHOUSE, id="c5", mounts={"/var/lib/clickhouse": "/var/lib/portsip2/clickhouse/data"})


def state(*containers: Container, data_path: str = PATH, images: tuple[Image, ...] | None = DOCKER.images) -> Installed:
    """How much of the wanted service these containers are."""
    docker = replace(DOCKER, containers=containers, images=images)
    return installed(docker, data_path, "portsip/pbx:22", "portsip/clickhouse:25.8")


def test_the_service_is_found_by_what_it_mounts() -> None:
    """Names differ by release; a volume of another path is another service."""
    renamed = (replace(CLICKHOUSE, name="pbx-ch"), replace(DATAFLOW, name="pbx-flow"), ELSEWHERE)
    found = service(replace(DOCKER, containers=renamed), PATH)
    assert found == Service(renamed[0], renamed[1])
    assert found.containers == renamed[:2]


def test_the_migrations_helper_is_no_part() -> None:
    """An interrupted script leaves it behind."""
    assert service(replace(DOCKER, containers=(CLICKHOUSE, HELPER, DATAFLOW)), PATH).strangers == ()


def test_what_else_uses_the_path_is_a_stranger() -> None:
    """A second container of either kind is never taken for the service."""
    twin = replace(CLICKHOUSE, id="c9", name="second")
    found = service(replace(DOCKER, containers=(CLICKHOUSE, twin, DATAFLOW, STRANGER)), PATH)
    assert found.strangers == (twin, STRANGER)


def test_no_engine_is_no_service() -> None:
    """A server without Docker has none of it."""
    assert service(DockerFacts(present=False), PATH) == Service(None, None)
    assert installed(DockerFacts(present=False), PATH, "a", "b") is Installed.ABSENT


COMPARED: list[tuple[tuple[Container, ...], Installed]] = [
    ((), Installed.ABSENT),
    ((HELPER, ELSEWHERE), Installed.ABSENT),
    ((CLICKHOUSE, DATAFLOW), Installed.COMPLETE),
    ((CLICKHOUSE,), Installed.PARTIAL),
    ((DATAFLOW,), Installed.PARTIAL),
    ((CLICKHOUSE, DATAFLOW, STRANGER), Installed.PARTIAL),
    ((CLICKHOUSE, replace(DATAFLOW, running=False)), Installed.STOPPED),
    ((replace(CLICKHOUSE, running=False), DATAFLOW), Installed.STOPPED),
    ((CLICKHOUSE, replace(DATAFLOW, image_id="sha256:old")), Installed.OTHER_IMAGE),
    ((replace(CLICKHOUSE, image_id="sha256:old", running=False), DATAFLOW), Installed.OTHER_IMAGE),
]


def test_what_is_there_is_compared_with_what_is_wanted() -> None:
    """Nothing, all, a part, stopped, or another version."""
    for containers, expected in COMPARED:
        assert state(*containers) is expected


@pytest.mark.parametrize("images", [None, ()])
def test_a_wanted_image_that_is_not_there_is_another_one(images: tuple[Image, ...] | None) -> None:
    """The service cannot run from an image that the server does not have."""
    assert state(CLICKHOUSE, DATAFLOW, images=images) is Installed.OTHER_IMAGE


def test_a_tag_that_means_another_image_now_is_another_one() -> None:
    """The name is the same, the id is not."""
    images = (Image(CLICKHOUSE.image, CLICKHOUSE.image_id, ()), Image(DATAFLOW.image, "sha256:pulled-later", ()))
    assert state(CLICKHOUSE, DATAFLOW, images=images) is Installed.OTHER_IMAGE


@pytest.mark.parametrize("data_path", ["/var/lib/portsip/", "/var/lib//portsip"])
def test_the_same_folder_in_another_spelling_is_the_same_service(data_path: str) -> None:
    """Else an install would run over a service that is there."""
    assert state(CLICKHOUSE, DATAFLOW, data_path=data_path) is Installed.COMPLETE


TOLD: list[tuple[Service, str]] = [
    (Service(CLICKHOUSE, DATAFLOW), ""),
    (Service(CLICKHOUSE, None), "there is no Data Flow container on the data path"),
    (Service(None, DATAFLOW), "there is no ClickHouse container on the data path"),
    (Service(None, None), "there is no ClickHouse container on the data path"),
    (Service(CLICKHOUSE, replace(DATAFLOW, running=False)), "container portsip.dataflow is not running"),
    (Service(replace(CLICKHOUSE, health="starting"), DATAFLOW), "container portsip.clickhouse is starting"),
    (Service(CLICKHOUSE, replace(DATAFLOW, health="unhealthy")), "container portsip.dataflow is unhealthy"),
]


def test_health_is_told_in_one_sentence() -> None:
    """Both have to run; a container without a check of its own counts as well when it runs."""
    for found, trouble in TOLD:
        assert healthy(found) == trouble
