-- Once, by an administrator, in the database that loads go to (dev): in the query editor, or by aws redshift-data batch-execute-statement.
-- Replace what stands in angle brackets; the stack's output Next5SetUpWarehouse has it all. In a workgroup that was there before, first
-- attach the role to its namespace.

-- The lake's tables as they stand, without loading anything. The role may read lake/ of the lake bucket and the catalog.
CREATE EXTERNAL SCHEMA IF NOT EXISTS lakegate_lake
FROM DATA CATALOG DATABASE '<Glue database>'
IAM_ROLE '<role>';

-- The loaded tables, and what is known of their loads.
CREATE SCHEMA IF NOT EXISTS lakegate;
CREATE SCHEMA IF NOT EXISTS lakegate_loads;

-- The user of the function's role, which owns the tables that it makes. Redshift makes it when the function first asks for something:
-- leave this line out if it says that the user exists.
CREATE USER "<user>" PASSWORD DISABLE;

GRANT USAGE ON SCHEMA lakegate_lake TO "<user>";
GRANT USAGE, CREATE ON SCHEMA lakegate TO "<user>";
GRANT USAGE, CREATE ON SCHEMA lakegate_loads TO "<user>";
GRANT TEMPORARY ON DATABASE dev TO "<user>";

-- Who reads, dbt's user for instance, needs besides:
--   GRANT USAGE ON SCHEMA lakegate, lakegate_lake TO …;
--   ALTER DEFAULT PRIVILEGES FOR USER "<user>" IN SCHEMA lakegate GRANT SELECT ON TABLES TO …;
