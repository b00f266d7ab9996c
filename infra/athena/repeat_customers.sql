-- Repeat customers
-- How many customers ordered once, and how many again and again.
SELECT orders_from, count(*) AS customers, sum(orders) AS orders, sum(revenue) AS revenue
FROM (
    SELECT orders, revenue,
        CASE WHEN orders >= 20 THEN 20 WHEN orders >= 10 THEN 10 WHEN orders >= 5 THEN 5 WHEN orders >= 2 THEN 2 ELSE 1 END AS orders_from
    FROM (SELECT customer_id, count(*) AS orders, sum(revenue) AS revenue FROM orders GROUP BY customer_id) AS bought
) AS grouped
GROUP BY orders_from
ORDER BY orders_from
