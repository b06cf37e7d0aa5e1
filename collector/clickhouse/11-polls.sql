-- One record a poll: how much of it there is. Merged like the rows.
CREATE TABLE IF NOT EXISTS {table}_polls {onCluster}
(
  kind LowCardinality(String),
  hostname LowCardinality(String),
  poll_id UInt64 CODEC(Delta, ZSTD),
  duration_seconds Float64,
  rows UInt64,
  namespaces UInt32,
  interrupted UInt32,
  skipped UInt32,
  gone UInt32,
  sampled_out UInt64
)
ENGINE = {replicated}ReplacingMergeTree{path polls}
PARTITION BY toDate(fromUnixTimestamp64Nano(toInt64(poll_id)))
ORDER BY (hostname, poll_id)
TTL toDateTime(fromUnixTimestamp64Nano(toInt64(poll_id))) + INTERVAL {ttl} DAY
COMMENT '{comment} polls';
