{% snapshot customers_snapshot %}
{{
    config(
        unique_key='customer_id',
        strategy='timestamp',
        updated_at='updated_at'
    )
}}

-- Each customer's latest state, kept before an export that is uploaded again replaces it. By the source's own change time and not by
-- comparison (strategy check): a state is valid from when it began, not from when dbt first saw it.
with numbered as (

    select
        customers.*,
        row_number() over (partition by customer_id order by updated_at desc) as place
    from {{ ref('stg_customers') }} as customers

)

select
    customer_id,
    name,
    email,
    country,
    age_group,
    membership_tier,
    signup_date,
    updated_at,
    active
from numbered
where place = 1

{% endsnapshot %}
