-- Monthly trend
-- Orders, customers and revenue by month, and by how many percent revenue grew since the month before.
SELECT year, month, orders, customers, revenue,
    round(100 * CAST(revenue - lag(revenue) OVER (ORDER BY year, month) AS DOUBLE)
        / nullif(CAST(lag(revenue) OVER (ORDER BY year, month) AS DOUBLE), 0), 1) AS growth
FROM (
    SELECT year, month, count(*) AS orders, count(DISTINCT customer_id) AS customers, sum(revenue) AS revenue
    FROM orders
    GROUP BY year, month
) AS months
ORDER BY year, month
