-- A minute by namespace and peer. Every aggregate stays what it is when a row comes twice (uniq, max) or nearly so (avg): sums of counters
-- would not, and belong to {table}_deltas.
CREATE TABLE IF NOT EXISTS {table}_minutes {onCluster}
(
  minute DateTime CODEC(Delta, ZSTD),
  hostname LowCardinality(String),
  netns LowCardinality(String),
  peer FixedString(16),
  peer_port UInt16,
  sockets AggregateFunction(uniq, UInt64),
  rtt AggregateFunction(avg, UInt32),
  rtt_max SimpleAggregateFunction(max, UInt32),
  retransmits_max SimpleAggregateFunction(max, UInt32)
)
ENGINE = {replicated}AggregatingMergeTree{path minutes}
PARTITION BY toYYYYMM(minute)
ORDER BY (hostname, netns, peer, peer_port, minute)
TTL minute + INTERVAL 365 DAY
COMMENT '{comment} minutes';

CREATE MATERIALIZED VIEW IF NOT EXISTS {table}_minutes_fill {onCluster} TO {table}_minutes AS
SELECT
  toStartOfMinute(fromUnixTimestamp64Nano(timestamp_ns)) AS minute,
  hostname,
  netns,
  inet_diag_msg_socket_destination AS peer,
  toUInt16(inet_diag_msg_socket_destination_port) AS peer_port,
  uniqState(inet_diag_msg_socket_cookie) AS sockets,
  avgState(tcp_info_rtt) AS rtt,
  max(tcp_info_rtt) AS rtt_max,
  max(tcp_info_total_retrans) AS retransmits_max
FROM {table}
GROUP BY minute, hostname, netns, peer, peer_port;
