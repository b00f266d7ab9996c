select
    region,
    product,
    year,
    month,
    count(*) as orders,
    cast(sum(quantity) as bigint) as pieces,
    cast(sum(revenue) as decimal(38, 2)) as revenue,
    -- As a double, not rounded: decimals are divided to another number of digits by each engine.
    cast(sum(revenue) as double precision) / count(*) as average_revenue
from {{ ref('enriched_sales') }}
group by region, product, year, month
