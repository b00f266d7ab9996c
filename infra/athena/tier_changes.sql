-- Changes of membership tier
-- How many customers went from which tier to which, by the changes that the exports had.
SELECT tier_before, tier_after, count(*) AS changes
FROM (
    SELECT membership_tier AS tier_after,
        lag(membership_tier) OVER (PARTITION BY customer_id ORDER BY updated_at) AS tier_before
    FROM customers
) AS steps
WHERE tier_before <> tier_after
GROUP BY tier_before, tier_after
ORDER BY tier_before, tier_after
