{{ config(severity='warn') }}

-- Two states of one time cannot both be true: the source is to tell.
with states as (

    select distinct
        customer_id, updated_at, name, email, country, age_group, membership_tier, signup_date, active
    from {{ source('lake', 'customers') }}

)

select customer_id, updated_at, count(*) as states
from states
group by customer_id, updated_at
having count(*) > 1
