-- Top countries
-- The ten countries that brought in most, and how many customers ordered from each.
SELECT country, region, count(*) AS orders, count(DISTINCT customer_id) AS customers, sum(revenue) AS revenue
FROM orders
GROUP BY country, region
ORDER BY revenue DESC, country
LIMIT 10
