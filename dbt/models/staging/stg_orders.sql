-- The same line may stand in two files (exports that overlap): equal rows are one. Different rows of one order_id are an error,
-- which the test on order_id finds before anything is built of them.
select distinct
    order_id,
    cast(order_ts as {{ timestamp_micros() }}) as order_ts,
    customer_id,
    product,
    cast(quantity as integer) as quantity,
    cast(unit_price as decimal(12, 2)) as unit_price,
    region,
    country,
    note,
    cast(revenue as decimal(18, 2)) as revenue,
    cast(year as integer) as year,
    cast(month as integer) as month
from {{ source('lake', 'orders') }}
