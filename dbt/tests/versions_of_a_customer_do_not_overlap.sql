select earlier.customer_id, earlier.valid_from, earlier.valid_to, later.valid_from as next_valid_from
from {{ ref('dim_customers') }} as earlier
inner join {{ ref('dim_customers') }} as later
    on
        earlier.customer_id = later.customer_id
        and earlier.valid_from < later.valid_from
where earlier.valid_to is null or earlier.valid_to > later.valid_from
