-- New files within a minute. `show pipes` tells the queue (notification_channel) to which the lake bucket is to announce lake/*: a
-- notification of the bucket, or a subscription to the topic that it has. A pipe knows a file by its name for 14 days and does not load
-- a replaced one again: 4_load.sql does, so run that on a schedule as well.
use schema lakegate.lakegate;

create pipe if not exists orders_pipe
    auto_ingest = true
as
copy into orders_files
from @lake/orders/
file_format = (format_name = 'lake_parquet')
match_by_column_name = case_insensitive
include_metadata = (file_name = metadata$filename, file_modified = metadata$file_last_modified);

create pipe if not exists customers_pipe
    auto_ingest = true
as
copy into customers_files
from @lake/customers/
file_format = (format_name = 'lake_parquet')
match_by_column_name = case_insensitive
include_metadata = (file_name = metadata$filename, file_modified = metadata$file_last_modified);
