-- The loaded tables of the sample contracts, as the function load-warehouse makes them by itself. Beside each stands a table that says
-- which version of a file is loaded, and at which loads take turns.

-- orders
CREATE TABLE IF NOT EXISTS "lakegate_loads"."orders" (
    "source" VARCHAR(64) NOT NULL,
    "at" TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS "lakegate"."orders" (
    "order_id" VARCHAR(65535),
    "order_ts" TIMESTAMP,
    "customer_id" VARCHAR(65535),
    "product" VARCHAR(65535),
    "quantity" INTEGER,
    "unit_price" DECIMAL(12,2),
    "region" VARCHAR(65535),
    "country" VARCHAR(65535),
    "note" VARCHAR(65535),
    "revenue" DECIMAL(18,2),
    "year" INTEGER,
    "month" INTEGER,
    "lakegate_source" VARCHAR(64) NOT NULL
);

-- customers
CREATE TABLE IF NOT EXISTS "lakegate_loads"."customers" (
    "source" VARCHAR(64) NOT NULL,
    "at" TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS "lakegate"."customers" (
    "customer_id" VARCHAR(65535),
    "name" VARCHAR(65535),
    "email" VARCHAR(65535),
    "country" VARCHAR(65535),
    "age_group" VARCHAR(65535),
    "membership_tier" VARCHAR(65535),
    "signup_date" DATE,
    "updated_at" TIMESTAMP,
    "active" BOOLEAN,
    "lakegate_source" VARCHAR(64) NOT NULL
);
