-- What files hold (…_files: every file as often as it was loaded, with its name and its time), what of it counts (…_in_lake), and the
-- tables. year and month, which stand in the lake's paths, are computed again.
use schema lakegate.lakegate;

create table if not exists orders_files (
    order_id varchar,
    order_ts timestamp_ntz,
    customer_id varchar,
    product varchar,
    quantity integer,
    unit_price number(12, 2),
    region varchar,
    country varchar,
    note varchar,
    revenue number(18, 2),
    file_name varchar,
    file_modified timestamp_ntz
);

create table if not exists customers_files (
    customer_id varchar,
    name varchar,
    email varchar,
    country varchar,
    age_group varchar,
    membership_tier varchar,
    signup_date date,
    updated_at timestamp_ntz,
    active boolean,
    file_name varchar,
    file_modified timestamp_ntz
);

-- Of each file its latest version; equal rows, of a file that was loaded twice or of files that overlap, once.
create or replace view orders_in_lake as
select distinct
    order_id, order_ts, customer_id, product, quantity, unit_price, region, country, note, revenue,
    year(order_ts) as year, month(order_ts) as month
from (
    select
        orders_files.*,
        max(file_modified) over (partition by file_name) as file_latest
    from orders_files
) as files
where file_modified = file_latest;

-- Of two states of one time that of the file that came last.
create or replace view customers_in_lake as
select customer_id, name, email, country, age_group, membership_tier, signup_date, updated_at, active
from (
    select
        files.*,
        row_number() over (
            partition by customer_id, updated_at
            order by file_modified desc, file_name
        ) as place
    from (
        select
            customers_files.*,
            max(file_modified) over (partition by file_name) as file_latest
        from customers_files
    ) as files
    where file_modified = file_latest
) as numbered
where place = 1;

create table if not exists orders (
    order_id varchar not null,
    order_ts timestamp_ntz not null,
    customer_id varchar not null,
    product varchar not null,
    quantity integer not null,
    unit_price number(12, 2) not null,
    region varchar not null,
    country varchar,
    note varchar,
    revenue number(18, 2),
    year integer,
    month integer
);

create table if not exists customers (
    customer_id varchar not null,
    name varchar,
    email varchar,
    country varchar,
    age_group varchar,
    membership_tier varchar,
    signup_date date,
    updated_at timestamp_ntz not null,
    active boolean
);
