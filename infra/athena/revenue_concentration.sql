-- Concentration of revenue
-- Customers in ten equal groups by what they brought in: the first group is the best tenth.
SELECT tenth, count(*) AS customers, sum(revenue) AS revenue,
    round(100 * CAST(sum(revenue) AS DOUBLE) / CAST(sum(sum(revenue)) OVER () AS DOUBLE), 1) AS share
FROM (
    SELECT customer_id, revenue, ntile(10) OVER (ORDER BY revenue DESC, customer_id) AS tenth
    FROM (SELECT customer_id, sum(revenue) AS revenue FROM orders GROUP BY customer_id) AS bought
) AS ranked
GROUP BY tenth
ORDER BY tenth
