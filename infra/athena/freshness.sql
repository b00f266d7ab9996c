-- Freshness
-- When the last file of each dataset was published, and how many hours ago that was.
SELECT dataset, count(*) AS files, max(published_at) AS last_published_at,
    date_diff('hour', max(published_at), CAST(current_timestamp AT TIME ZONE 'UTC' AS TIMESTAMP)) AS hours_ago
FROM (
    -- Times stand in the ledger as text: 2025-10-01T06:30:02.417Z.
    SELECT dataset, CAST(replace(substr(CAST("at" AS VARCHAR), 1, 19), 'T', ' ') AS TIMESTAMP) AS published_at
    FROM ledger
    WHERE state = 'committed'
) AS published
GROUP BY dataset
ORDER BY last_published_at
