-- Distribution of order values
-- How many orders there are of which value, and what they brought in.
SELECT value_from, count(*) AS orders, sum(revenue) AS revenue
FROM (
    SELECT revenue,
        CASE
            WHEN revenue < 10 THEN 0
            WHEN revenue < 25 THEN 10
            WHEN revenue < 50 THEN 25
            WHEN revenue < 100 THEN 50
            WHEN revenue < 250 THEN 100
            WHEN revenue < 500 THEN 250
            WHEN revenue < 1000 THEN 500
            WHEN revenue < 5000 THEN 1000
            ELSE 5000
        END AS value_from
    FROM orders
) AS valued
GROUP BY value_from
ORDER BY value_from
