-- Once, by an account administrator: how Snowflake reads the lake bucket, and nothing but its tables.
-- `desc integration lakegate` then tells STORAGE_AWS_IAM_USER_ARN and STORAGE_AWS_EXTERNAL_ID, which the role must trust. The role
-- needs s3:GetObject and s3:GetObjectVersion on lake/*, s3:ListBucket and s3:GetBucketLocation on the bucket, and kms:Decrypt on its key if it has one.
create storage integration if not exists lakegate
    type = external_stage
    storage_provider = 'S3'
    enabled = true
    storage_aws_role_arn = '<% role_arn %>'
    storage_allowed_locations = ('s3://<% lake_bucket %>/lake/');

create database if not exists lakegate;
create schema if not exists lakegate.lakegate;
use schema lakegate.lakegate;

-- Without logical types, decimals, dates and timestamps would come as the numbers that Parquet keeps.
create file format if not exists lake_parquet
    type = parquet
    use_logical_type = true;

create stage if not exists lake
    url = 's3://<% lake_bucket %>/lake/'
    storage_integration = lakegate
    file_format = (format_name = 'lake_parquet')
    directory = (enable = true);
