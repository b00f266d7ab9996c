-- Once, by an administrator, in the database that loads go to (dev): in the query editor, or
--   aws redshift-data execute-statement --workgroup-name … --database dev --secret-arn … --sql …
-- Replace the names of the Glue database (lakegate) and of the function's role (lakegate-load-warehouse) where the stack has others.

-- The lake's tables as they stand, without loading anything. The namespace's default role may read lake/ of the lake bucket and the catalog.
CREATE EXTERNAL SCHEMA IF NOT EXISTS lakegate_lake
FROM DATA CATALOG DATABASE 'lakegate'
IAM_ROLE default;

-- The loaded tables, and what is known of their loads.
CREATE SCHEMA IF NOT EXISTS lakegate;
CREATE SCHEMA IF NOT EXISTS lakegate_loads;

-- The user that Redshift makes of the function's role. It owns the tables that it makes.
CREATE USER "IAMR:lakegate-load-warehouse" PASSWORD DISABLE;
GRANT USAGE ON SCHEMA lakegate_lake TO "IAMR:lakegate-load-warehouse";
GRANT USAGE, CREATE ON SCHEMA lakegate TO "IAMR:lakegate-load-warehouse";
GRANT USAGE, CREATE ON SCHEMA lakegate_loads TO "IAMR:lakegate-load-warehouse";
GRANT TEMPORARY ON DATABASE dev TO "IAMR:lakegate-load-warehouse";

-- Who reads, dbt's user for instance, needs besides:
--   GRANT USAGE ON SCHEMA lakegate, lakegate_lake TO …;
--   ALTER DEFAULT PRIVILEGES FOR USER "IAMR:lakegate-load-warehouse" IN SCHEMA lakegate GRANT SELECT ON TABLES TO …;
