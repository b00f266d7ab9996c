-- High-value orders
-- The fifty largest orders of 1,000 euros and more.
SELECT order_id, order_ts, customer_id, product, quantity, unit_price, revenue
FROM orders
WHERE revenue >= 1000
ORDER BY revenue DESC, order_id
LIMIT 50
