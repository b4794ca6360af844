"""What the ClickHouse image brings with it: its configuration, written anew for each container.

The engine comes from chdb wheels, which change some defaults of the real server; they are put back here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from xml.sax.saxutils import escape

CONFIG = """<clickhouse>
  <logger><level>information</level><log>{log}/clickhouse-server.log</log>
    <errorlog>{log}/clickhouse-server.err.log</errorlog><size>10M</size><count>2</count></logger>
  <listen_host>127.0.0.1</listen_host><http_port>{port}</http_port><keep_alive_timeout>10</keep_alive_timeout>
  <path>{data}/</path><tmp_path>{data}/tmp/</tmp_path><user_files_path>{data}/user_files/</user_files_path>
  <format_schema_path>{data}/format_schemas/</format_schema_path><mlock_executable>0</mlock_executable>
  <user_directories><users_xml><path>{users}</path></users_xml>
    <local_directory><path>{data}/access/</path></local_directory></user_directories>
  <default_profile>default</default_profile><default_database>default</default_database>
  <async_load_databases>1</async_load_databases><shutdown_wait_unfinished>1</shutdown_wait_unfinished>
  <max_server_memory_usage>1500000000</max_server_memory_usage><max_concurrent_queries>50</max_concurrent_queries>
  <mark_cache_size>33554432</mark_cache_size><uncompressed_cache_size>0</uncompressed_cache_size>
  <index_mark_cache_size>8388608</index_mark_cache_size><mmap_cache_size>100</mmap_cache_size>
  <compiled_expression_cache_size>4194304</compiled_expression_cache_size>
  <max_thread_pool_size>300</max_thread_pool_size><max_thread_pool_free_size>20</max_thread_pool_free_size>
  <background_pool_size>2</background_pool_size><background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size><background_common_pool_size>2</background_common_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <asynchronous_metrics_update_period_s>60</asynchronous_metrics_update_period_s>
  <merge_tree><old_parts_lifetime>480</old_parts_lifetime>
    <number_of_free_entries_in_pool_to_execute_mutation>2</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>2</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>2</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>
"""

USERS = """<clickhouse>
  <profiles><default><mutations_sync>0</mutations_sync><max_threads>2</max_threads>{profile}</default></profiles>
  <quotas><default/></quotas>
  <users><{user}><password_sha256_hex>{hash}</password_sha256_hex><profile>default</profile><quota>default</quota>
    <networks><ip>127.0.0.1</ip></networks><access_management>{management}</access_management></{user}></users>
</clickhouse>
"""

OLD_PROFILE = "<output_format_json_quote_64bit_integers>1</output_format_json_quote_64bit_integers>"


def write_configuration(
    folder: Path, data: Path, log: Path, port: int, version: str, environment: dict[str, str]
) -> Path:
    """Write config.xml and users.xml as the image's entry point does from its environment."""
    users = folder / "users.xml"
    user = environment.get("CLICKHOUSE_USER") or "default"
    password = environment.get("CLICKHOUSE_PASSWORD", "")
    text = USERS.format(
        user=escape(user),
        hash=hashlib.sha256(password.encode()).hexdigest(),
        management=1 if environment.get("CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT") == "1" else 0,
        profile=OLD_PROFILE if version < "25.8" else "",
    )
    if not password:
        text = text.replace(hashlib.sha256(b"").hexdigest(), "").replace("password_sha256_hex", "password")
    users.write_text(text)
    users.chmod(0o600)
    config = folder / "config.xml"
    config.write_text(CONFIG.format(data=escape(str(data)), log=escape(str(log)), port=port, users=escape(str(users))))
    return config
