-- The lake may hold changes that no snapshot saw (two between two runs, an export that came late), and the snapshot states that the lake
-- holds no more (an export that was replaced). Together they are all that is known; what both know is taken as the lake has it now.
{% set columns = ['customer_id', 'name', 'email', 'country', 'age_group', 'membership_tier', 'signup_date', 'updated_at', 'active'] %}

with known as (

    select {{ columns | join(', ') }}, 1 as preference from {{ ref('stg_customers') }}
    union all
    select {{ columns | join(', ') }}, 2 as preference from {{ ref('customers_snapshot') }}

),

numbered as (

    select
        known.*,
        row_number() over (partition by customer_id, updated_at order by preference) as place
    from known

),

versions as (

    select
        {{ columns | join(', ') }},
        lead(updated_at) over (partition by customer_id order by updated_at) as valid_to
    from numbered
    where place = 1

)

select
    customer_id,
    name,
    email,
    country,
    age_group,
    membership_tier,
    signup_date,
    active,
    updated_at as valid_from,
    valid_to,
    valid_to is null as is_current
from versions
