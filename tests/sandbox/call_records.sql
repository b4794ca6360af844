-- The tables of a call centre, as Data Flow's own schema could look, and the PBX's call history that fills them.
-- Statements end with a semicolon at the end of a line. Below "-- history" they are only run on empty tables,
-- with {rows} call records spread over the {days} days before {until}; the same parameters give the same rows.

CREATE TABLE IF NOT EXISTS cdr
(
    call_id String,
    tenant LowCardinality(String),
    direction Enum8('inbound' = 1, 'outbound' = 2, 'internal' = 3),
    caller String,
    callee String,
    queue LowCardinality(String),
    agent LowCardinality(String),
    started_at DateTime('UTC'),
    answered_at Nullable(DateTime('UTC')),
    ended_at DateTime('UTC'),
    wait_seconds UInt32,
    talk_seconds UInt32,
    cost Decimal(12, 4),
    tags Array(String)
)
ENGINE = MergeTree PARTITION BY toYYYYMM(started_at) ORDER BY (tenant, started_at, call_id);

CREATE TABLE IF NOT EXISTS agents
(
    agent String,
    tenant LowCardinality(String),
    display_name String,
    state Enum8('ready' = 1, 'busy' = 2, 'away' = 3, 'signed-out' = 4),
    updated_at DateTime64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(updated_at) ORDER BY (tenant, agent);

CREATE TABLE IF NOT EXISTS daily_counters
(
    day Date,
    tenant LowCardinality(String),
    queue LowCardinality(String),
    calls UInt64,
    answered UInt64,
    talk_seconds UInt64
)
ENGINE = SummingMergeTree PARTITION BY toYear(day) ORDER BY (tenant, queue, day);

CREATE MATERIALIZED VIEW IF NOT EXISTS cdr_to_daily_counters TO daily_counters AS
SELECT
    toDate(started_at) AS day,
    tenant,
    queue,
    count() AS calls,
    countIf(isNotNull(answered_at)) AS answered,
    sum(cdr.talk_seconds) AS talk_seconds
FROM cdr GROUP BY day, tenant, queue;

CREATE TABLE IF NOT EXISTS queue_events
(
    happened_at DateTime('UTC'),
    tenant LowCardinality(String),
    queue LowCardinality(String),
    call_id String,
    event Enum8('entered' = 1, 'ringing' = 2, 'answered' = 3, 'abandoned' = 4)
)
ENGINE = MergeTree PARTITION BY toYYYYMM(happened_at) ORDER BY (queue, happened_at)
TTL happened_at + INTERVAL 400 DAY;

CREATE VIEW IF NOT EXISTS answered_calls AS SELECT * FROM cdr WHERE isNotNull(answered_at);

-- history

INSERT INTO cdr
WITH
    cityHash64(number) AS dice,
    toUInt32(dice % 40) AS wait,
    dice % 7 = 0 AS missed,
    toDateTime({until:UInt32} - intDiv(number * {days:UInt32} * 86400, {rows:UInt64}) - dice % 300, 'UTC') AS started
SELECT
    concat('call-', leftPad(toString(number), 9, '0')),
    concat('tenant-', toString(dice % 3 + 1)),
    dice % 10 < 6 ? 'inbound' : (dice % 10 < 9 ? 'outbound' : 'internal'),
    concat('+49', toString(1600000000 + dice % 89999999)),
    toString(1000 + dice % 200),
    dice % 10 < 6 ? concat('queue-', toString(dice % 5 + 1)) : '',
    concat('agent-', toString(dice % 50 + 1)),
    started,
    missed ? NULL : started + wait,
    started + wait + (missed ? 0 : dice % 900),
    wait,
    missed ? 0 : toUInt32(dice % 900),
    toDecimal64((dice % 900) / 1000, 4),
    dice % 20 = 0 ? ['recorded', 'callback'] : []
FROM numbers({rows:UInt64});

INSERT INTO agents
SELECT
    concat('agent-', toString(number % 50 + 1)),
    concat('tenant-', toString(number % 3 + 1)),
    concat('Agent ', toString(number % 50 + 1)),
    toInt8(cityHash64(number) % 4 + 1),
    toDateTime64({until:UInt32} - number * 60, 3, 'UTC')
FROM numbers(600);

INSERT INTO queue_events
SELECT
    toDateTime({until:UInt32} - intDiv(number * {days:UInt32} * 86400, {rows:UInt64}), 'UTC'),
    concat('tenant-', toString(cityHash64(number) % 3 + 1)),
    concat('queue-', toString(cityHash64(number) % 5 + 1)),
    concat('call-', leftPad(toString(number), 9, '0')),
    toInt8(cityHash64(number, 1) % 4 + 1)
FROM numbers({rows:UInt64});
