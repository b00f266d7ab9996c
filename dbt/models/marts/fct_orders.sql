{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key='order_id',
        post_hook="delete from {{ this }} where order_id not in (select order_id from {{ ref('stg_orders') }})"
    )
}}

-- No column of the lake says when a row came, and any file may come late or be replaced: what is new or changed is the difference
-- between lake and table, in which nulls are equal. Lines that are in no file any more are deleted after the merge.
select
    order_id,
    order_ts,
    customer_id,
    product,
    quantity,
    unit_price,
    region,
    country,
    note,
    revenue,
    year,
    month
from {{ ref('stg_orders') }}

{% if is_incremental() %}
except

select
    order_id,
    order_ts,
    customer_id,
    product,
    quantity,
    unit_price,
    region,
    country,
    note,
    revenue,
    year,
    month
from {{ this }}
{% endif %}
