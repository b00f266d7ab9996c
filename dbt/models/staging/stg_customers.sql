-- Every state of a customer that the lake knows. The same change may stand in several exports. Where they differ the choice is
-- arbitrary but always the same; the test customers_have_one_state_per_change warns of it.
with changes as (

    select distinct
        customer_id,
        name,
        email,
        country,
        age_group,
        membership_tier,
        cast(signup_date as date) as signup_date,
        cast(updated_at as {{ timestamp_micros() }}) as updated_at,
        active
    from {{ source('lake', 'customers') }}

),

numbered as (

    select
        changes.*,
        row_number() over (
            partition by customer_id, updated_at
            order by membership_tier, age_group, country, active, signup_date, name, email
        ) as place
    from changes

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
