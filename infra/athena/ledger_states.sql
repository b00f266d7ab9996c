-- States of the ledger
-- What became of the files, by dataset: how many are committed, rejected, failed or under way, and their rows.
SELECT dataset, state, count(*) AS files,
    sum(rows_read) AS rows_read, sum(rows_accepted) AS rows_accepted, sum(rows_rejected) AS rows_rejected
FROM ledger
GROUP BY dataset, state
ORDER BY dataset, state
