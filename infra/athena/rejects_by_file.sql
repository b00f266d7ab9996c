-- Files with most rejects
-- The twenty files with most rejected rows, the first line that was rejected, and how many lines were.
SELECT dataset, source_key, count(*) AS rejected, min(line) AS first_line
FROM rejects
GROUP BY dataset, source_key
ORDER BY rejected DESC, dataset, source_key
LIMIT 20
