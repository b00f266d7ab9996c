-- Built anew each time: a change of a customer that comes late gives earlier orders another version.
with customers as (

    select
        customer_id,
        country,
        age_group,
        membership_tier,
        signup_date,
        active,
        valid_from,
        -- Comparisons only: with an "or" in a left join, engines compare every order with every customer.
        coalesce(valid_to, cast('9999-12-31 00:00:00' as {{ timestamp_micros() }})) as valid_until
    from {{ ref('dim_customers') }}

)

select
    orders.order_id,
    orders.order_ts,
    orders.customer_id,
    orders.product,
    orders.quantity,
    orders.unit_price,
    orders.revenue,
    orders.region,
    orders.country,
    orders.year,
    orders.month,
    customers.customer_id is not null as customer_is_known,
    customers.country as customer_country,
    customers.age_group,
    customers.membership_tier,
    customers.signup_date,
    customers.active as customer_was_active,
    customers.valid_from as customer_valid_from
from {{ ref('fct_orders') }} as orders
left join customers
    on
        orders.customer_id = customers.customer_id
        and orders.order_ts >= customers.valid_from
        and orders.order_ts < customers.valid_until
