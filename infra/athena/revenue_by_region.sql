-- Revenue by region
-- What each region brought in, and its share of it all in percent.
SELECT region,
    count(*) AS orders,
    sum(revenue) AS revenue,
    round(100 * CAST(sum(revenue) AS DOUBLE) / CAST(sum(sum(revenue)) OVER () AS DOUBLE), 1) AS share
FROM orders
GROUP BY region
ORDER BY revenue DESC, region
