-- Orders of unknown customers
-- Orders by month whose customer stands in no export.
SELECT orders.year, orders.month, count(*) AS orders, sum(orders.revenue) AS revenue
FROM orders LEFT JOIN (SELECT DISTINCT customer_id FROM customers) AS known ON known.customer_id = orders.customer_id
WHERE known.customer_id IS NULL
GROUP BY orders.year, orders.month
ORDER BY orders.year, orders.month
