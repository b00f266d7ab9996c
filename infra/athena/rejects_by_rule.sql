-- Rejects by rule
-- How many rejected rows broke which rule; of a row that broke more than eight, the first eight.
SELECT dataset, violation."column" AS "column", violation.rule AS rule, count(*) AS rejected
FROM (
    -- A subscript beyond a list's end is an error, of which try makes a null.
    SELECT dataset, try(violations[numbers.n]) AS violation
    FROM rejects CROSS JOIN (VALUES (1), (2), (3), (4), (5), (6), (7), (8)) AS numbers (n)
) AS broken
WHERE violation.rule IS NOT NULL
GROUP BY dataset, violation."column", violation.rule
ORDER BY rejected DESC, dataset, "column", rule
