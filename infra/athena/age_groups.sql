-- Age groups
-- How many customers each age group has now, how many of them ordered, and what they brought in.
SELECT age_group,
    count(*) AS customers,
    count(bought.customer_id) AS buyers,
    coalesce(sum(bought.orders), 0) AS orders,
    coalesce(sum(bought.revenue), 0) AS revenue
FROM (
    SELECT customer_id, age_group
    FROM (
        SELECT customer_id, age_group, row_number() OVER (PARTITION BY customer_id ORDER BY updated_at DESC) AS nth
        FROM customers
    ) AS changes
    WHERE nth = 1
) AS now_known
LEFT JOIN (
    SELECT customer_id, count(*) AS orders, sum(revenue) AS revenue FROM orders GROUP BY customer_id
) AS bought ON bought.customer_id = now_known.customer_id
GROUP BY age_group
ORDER BY age_group
