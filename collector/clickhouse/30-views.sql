-- Each socket as it was seen last.
CREATE OR REPLACE VIEW {table}_latest {onCluster} AS
SELECT *
FROM {table}
ORDER BY timestamp_ns DESC
LIMIT 1 BY hostname, netns_cookie, inet_diag_msg_socket_cookie;

-- What moved on a socket since the poll before; its first row has no poll before, and no delta.
CREATE OR REPLACE VIEW {table}_deltas {onCluster} AS
SELECT
  hostname, netns, netns_cookie, inet_diag_msg_socket_cookie, kind, poll_id, timestamp_ns,
  timestamp_ns - before AS nanoseconds,
  tcp_info_bytes_acked - acked_before AS bytes_acked,
  tcp_info_bytes_received - received_before AS bytes_received,
  tcp_info_total_retrans - retrans_before AS retransmits
FROM
(
  SELECT
    *,
    row_number() OVER socket AS seen,
    lagInFrame(timestamp_ns) OVER socket AS before,
    lagInFrame(tcp_info_bytes_acked) OVER socket AS acked_before,
    lagInFrame(tcp_info_bytes_received) OVER socket AS received_before,
    lagInFrame(tcp_info_total_retrans) OVER socket AS retrans_before
  FROM {table} FINAL
  WINDOW socket AS (
    PARTITION BY hostname, netns_cookie, inet_diag_msg_socket_cookie
    ORDER BY timestamp_ns ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
)
WHERE seen > 1;

-- Whole polls: `missing` is 0, and so are `interrupted` and `skipped`.
CREATE OR REPLACE VIEW {table}_completeness {onCluster} AS
SELECT
  polls.hostname AS hostname,
  polls.poll_id AS poll_id,
  fromUnixTimestamp64Nano(toInt64(polls.poll_id)) AS began,
  polls.rows AS claimed,
  arrived.rows AS arrived,
  toInt64(claimed) - toInt64(arrived) AS missing,
  polls.interrupted AS interrupted,
  polls.skipped AS skipped
FROM (SELECT * FROM {table}_polls FINAL) AS polls
LEFT JOIN
(
  SELECT hostname, poll_id, uniqExact(netns_cookie, inet_diag_msg_socket_cookie) AS rows
  FROM {table}
  WHERE kind = 'ROW_KIND_POLL'
  GROUP BY hostname, poll_id
) AS arrived ON arrived.hostname = polls.hostname AND arrived.poll_id = polls.poll_id;
