-- One row a socket and poll. Delivery is at least once: what was sent twice has the same sorting key (the identity of a row) and is merged to
-- one; a reader who can't wait for merges says FINAL. Sorted for "this host, this namespace, this socket, over time".
CREATE TABLE IF NOT EXISTS {table} {onCluster}
(
{columns}
)
ENGINE = {replicated}ReplacingMergeTree{path rows}
PARTITION BY toDate(fromUnixTimestamp64Nano(timestamp_ns))
ORDER BY (hostname, netns_cookie, inet_diag_msg_socket_cookie, poll_id, kind)
TTL toDateTime(fromUnixTimestamp64Nano(timestamp_ns)) + INTERVAL {ttl} DAY
COMMENT '{comment} rows';
