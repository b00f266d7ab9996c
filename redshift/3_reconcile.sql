-- Makes the loaded tables what the lake is, whatever was told of it or was lost; for each table one transaction. It is
-- what the function load-warehouse does for {"dataset": "orders"}, and takes turns with its loads.

-- orders
BEGIN;
LOCK TABLE "lakegate_loads"."orders";
CREATE TEMP TABLE "lakegate_staging" (LIKE "lakegate"."orders");
INSERT INTO "lakegate_staging" ("order_id", "order_ts", "customer_id", "product", "quantity", "unit_price", "region", "country", "note", "revenue", "year", "month", "lakegate_source")
SELECT "order_id", "order_ts", "customer_id", "product", "quantity", "unit_price", "region", "country", "note", "revenue", "year", "month", REGEXP_SUBSTR(REGEXP_SUBSTR("$path", '[^/]*$'), '^.*-[0-9a-f]{16}')
FROM "lakegate_lake"."orders";
DELETE FROM "lakegate"."orders";
INSERT INTO "lakegate"."orders" ("order_id", "order_ts", "customer_id", "product", "quantity", "unit_price", "region", "country", "note", "revenue", "year", "month", "lakegate_source")
SELECT "order_id", "order_ts", "customer_id", "product", "quantity", "unit_price", "region", "country", "note", "revenue", "year", "month", "lakegate_source" FROM "lakegate_staging";
DELETE FROM "lakegate_loads"."orders" WHERE "source" NOT IN (SELECT "lakegate_source" FROM "lakegate_staging");
DROP TABLE "lakegate_staging";
COMMIT;

-- customers
BEGIN;
LOCK TABLE "lakegate_loads"."customers";
CREATE TEMP TABLE "lakegate_staging" (LIKE "lakegate"."customers");
INSERT INTO "lakegate_staging" ("customer_id", "name", "email", "country", "age_group", "membership_tier", "signup_date", "updated_at", "active", "lakegate_source")
SELECT "customer_id", "name", "email", "country", "age_group", "membership_tier", "signup_date", "updated_at", "active", REGEXP_SUBSTR(REGEXP_SUBSTR("$path", '[^/]*$'), '^.*-[0-9a-f]{16}')
FROM "lakegate_lake"."customers";
DELETE FROM "lakegate"."customers";
INSERT INTO "lakegate"."customers" ("customer_id", "name", "email", "country", "age_group", "membership_tier", "signup_date", "updated_at", "active", "lakegate_source")
SELECT "customer_id", "name", "email", "country", "age_group", "membership_tier", "signup_date", "updated_at", "active", "lakegate_source" FROM "lakegate_staging";
DELETE FROM "lakegate_loads"."customers" WHERE "source" NOT IN (SELECT "lakegate_source" FROM "lakegate_staging");
DROP TABLE "lakegate_staging";
COMMIT;
