-- Reads the topics of `netsoakd --export kafka:...`. A message that is no envelope goes to {table}_errors with the place where it stands.
CREATE TABLE IF NOT EXISTS {table}_kafka {onCluster}
(
{columns}
)
ENGINE = Kafka
SETTINGS
  kafka_broker_list = '{brokers}',
  kafka_topic_list = '{topic}',
  kafka_group_name = '{group}',
  kafka_format = 'ProtobufList',
  kafka_handle_error_mode = 'stream',
  format_schema_source = 'string',
  format_schema = '{proto}',
  format_schema_message_name = 'Row';

CREATE TABLE IF NOT EXISTS {table}_errors {onCluster}
(
  at DateTime DEFAULT now(),
  topic LowCardinality(String),
  partition UInt64,
  offset UInt64,
  error String,
  message String
)
ENGINE = {replicated}MergeTree{path errors}
ORDER BY (at, topic, partition, offset)
TTL at + INTERVAL {ttl} DAY
COMMENT '{comment} errors';

CREATE MATERIALIZED VIEW IF NOT EXISTS {table}_kafka_fill {onCluster} TO {table} AS
SELECT {names}
FROM {table}_kafka
WHERE _error = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS {table}_kafka_errors_fill {onCluster} TO {table}_errors AS
SELECT _topic AS topic, _partition AS partition, _offset AS offset, _error AS error, _raw_message AS message
FROM {table}_kafka
WHERE _error != '';

CREATE TABLE IF NOT EXISTS {table}_polls_kafka {onCluster}
(
  kind String,
  hostname String,
  poll_id UInt64,
  duration_seconds Float64,
  rows UInt64,
  namespaces UInt32,
  interrupted UInt32,
  skipped UInt32,
  gone UInt32,
  sampled_out UInt64
)
ENGINE = Kafka
SETTINGS
  kafka_broker_list = '{brokers}',
  kafka_topic_list = '{topic}-polls',
  kafka_group_name = '{group}',
  kafka_format = 'JSONEachRow',
  kafka_handle_error_mode = 'stream';

CREATE MATERIALIZED VIEW IF NOT EXISTS {table}_polls_kafka_fill {onCluster} TO {table}_polls AS
SELECT kind, hostname, poll_id, duration_seconds, rows, namespaces, interrupted, skipped, gone, sampled_out
FROM {table}_polls_kafka
WHERE _error = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS {table}_polls_kafka_errors_fill {onCluster} TO {table}_errors AS
SELECT _topic AS topic, _partition AS partition, _offset AS offset, _error AS error, _raw_message AS message
FROM {table}_polls_kafka
WHERE _error != '';
