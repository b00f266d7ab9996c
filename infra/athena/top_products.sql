-- Top products
-- The ten products that brought in most.
SELECT product, count(*) AS orders, sum(quantity) AS pieces, sum(revenue) AS revenue
FROM orders
GROUP BY product
ORDER BY revenue DESC, product
LIMIT 10
