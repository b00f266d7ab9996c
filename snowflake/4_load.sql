-- Makes the tables what the lake is. To be run as often as they are to follow it; running it again changes nothing.
use schema lakegate.lakegate;

-- Files that are new or were replaced since (COPY knows them by name and content). One that the pipe loaded is loaded once more, which
-- the views do not notice.
copy into orders_files
from @lake/orders/
file_format = (format_name = 'lake_parquet')
match_by_column_name = case_insensitive
include_metadata = (file_name = metadata$filename, file_modified = metadata$file_last_modified);

copy into customers_files
from @lake/customers/
file_format = (format_name = 'lake_parquet')
match_by_column_name = case_insensitive
include_metadata = (file_name = metadata$filename, file_modified = metadata$file_last_modified);

-- What stands in the lake no more leaves: former versions of a file, and files that are gone.
alter stage lake refresh;

begin;

delete from orders_files
using (select file_name, max(file_modified) as latest from orders_files group by file_name) as newest
where orders_files.file_name = newest.file_name and orders_files.file_modified < newest.latest;

delete from orders_files
where file_name not in (
    select loaded.file_name
    from (select distinct file_name from orders_files) as loaded
    inner join directory(@lake) as standing on endswith('/' || loaded.file_name, '/' || standing.relative_path)
);

delete from customers_files
using (select file_name, max(file_modified) as latest from customers_files group by file_name) as newest
where customers_files.file_name = newest.file_name and customers_files.file_modified < newest.latest;

delete from customers_files
where file_name not in (
    select loaded.file_name
    from (select distinct file_name from customers_files) as loaded
    inner join directory(@lake) as standing on endswith('/' || loaded.file_name, '/' || standing.relative_path)
);

-- Only rows that differ are written. Two different lines of one order_id are an error: the statement fails, and the table stays.
merge into orders
using (select * from orders_in_lake except select * from orders) as lake
    on orders.order_id = lake.order_id
when matched then update set
    order_ts = lake.order_ts,
    customer_id = lake.customer_id,
    product = lake.product,
    quantity = lake.quantity,
    unit_price = lake.unit_price,
    region = lake.region,
    country = lake.country,
    note = lake.note,
    revenue = lake.revenue,
    year = lake.year,
    month = lake.month
when not matched then insert
    (order_id, order_ts, customer_id, product, quantity, unit_price, region, country, note, revenue, year, month)
values
    (
        lake.order_id, lake.order_ts, lake.customer_id, lake.product, lake.quantity, lake.unit_price,
        lake.region, lake.country, lake.note, lake.revenue, lake.year, lake.month
    );

delete from orders
where order_id not in (select order_id from orders_in_lake);

merge into customers
using (select * from customers_in_lake except select * from customers) as lake
    on customers.customer_id = lake.customer_id and customers.updated_at = lake.updated_at
when matched then update set
    name = lake.name,
    email = lake.email,
    country = lake.country,
    age_group = lake.age_group,
    membership_tier = lake.membership_tier,
    signup_date = lake.signup_date,
    active = lake.active
when not matched then insert
    (customer_id, name, email, country, age_group, membership_tier, signup_date, updated_at, active)
values
    (
        lake.customer_id, lake.name, lake.email, lake.country, lake.age_group, lake.membership_tier,
        lake.signup_date, lake.updated_at, lake.active
    );

delete from customers
using (
    select customer_id, updated_at from customers
    except
    select customer_id, updated_at from customers_in_lake
) as gone
where customers.customer_id = gone.customer_id and customers.updated_at = gone.updated_at;

commit;
