-- Margins by category
-- What each category of products brought in, cost and left, and the margin in percent of the revenue.
SELECT products.category,
    sum(orders.revenue) AS revenue,
    sum(orders.quantity * products.unit_cost) AS cost,
    sum(orders.revenue - orders.quantity * products.unit_cost) AS profit,
    round(100 * CAST(sum(orders.revenue - orders.quantity * products.unit_cost) AS DOUBLE)
        / nullif(CAST(sum(orders.revenue) AS DOUBLE), 0), 1) AS margin
FROM orders JOIN products ON products.name = orders.product
GROUP BY products.category
ORDER BY profit DESC, products.category
