-- Yearly revenue and profit by region
-- Profit is revenue less what the pieces cost; orders of products that have no cost in the table products are counted apart, without profit.
SELECT year, region,
    count(*) AS orders,
    sum(revenue) AS revenue,
    sum(revenue - quantity * unit_cost) AS profit,
    count(*) - count(unit_cost) AS orders_without_cost
FROM (
    SELECT orders.year, orders.region, orders.revenue, orders.quantity, products.unit_cost
    FROM orders LEFT JOIN products ON products.name = orders.product
) AS sales
GROUP BY year, region
ORDER BY year, region
