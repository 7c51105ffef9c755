-- What the version before volumes made of two clients who define a shop's sales alike, and of one client's ready-made values. The definition is filled in.
SET ROLE analytics_owner;
CREATE SCHEMA shop_data;
CREATE TABLE shop_data.sale (
    client_id uuid NOT NULL, time timestamptz NOT NULL,
    receipt text, region text, till bigint, amount numeric, items bigint, big boolean
);
SELECT create_hypertable('shop_data.sale', 'time', chunk_time_interval => interval '7 days', create_default_indexes => false);
CREATE TABLE shop_data.sale__total_partials (client_id uuid NOT NULL, bucket timestamptz NOT NULL, facts bigint NOT NULL);
SELECT create_hypertable('shop_data.sale__total_partials', 'bucket', chunk_time_interval => interval '30 days', create_default_indexes => false);
CREATE SCHEMA kpi_data;
CREATE TABLE kpi_data.kpi_raw_data (client_id uuid NOT NULL, time timestamptz NOT NULL, kpi_code text, value numeric);
SELECT create_hypertable('kpi_data.kpi_raw_data', 'time', create_default_indexes => false);
CREATE VIEW kpi_data.kpi_values_minute AS SELECT client_id, time AS bucket, kpi_code FROM kpi_data.kpi_raw_data;

INSERT INTO core.clients (id, name, time_zone) VALUES
    ('00000000-0000-0000-0000-000000000001', 'ours', 'UTC'), ('00000000-0000-0000-0000-000000000002', 'theirs', 'UTC');
INSERT INTO core.relations (schema_name, name, code, shape) VALUES ('shop_data', 'sale', 'Sale', '{}'), ('kpi_data', 'kpi_raw_data', 'KpiValue', '{}');
INSERT INTO core.entities (client_id, code, schema_name, relation_name, definition)
SELECT id, 'Sale', 'shop_data', 'sale', $DEFINITION$ FROM core.clients;
INSERT INTO core.entities (client_id, code, schema_name, relation_name, definition)
SELECT id, 'KpiValue', 'kpi_data', 'kpi_raw_data', '{
    "code": "KpiValue", "domain": "kpi",
    "attributes": [{ "name": "kpi_code", "type": "text", "dimension": true, "required": true }, { "name": "value", "type": "decimal", "required": true }],
    "groupings": [{ "dimensions": ["kpi_code"] }]
}' FROM core.clients;

-- Amounts with zeros at their end, and attributes that are missing, now and then.
INSERT INTO shop_data.sale (client_id, time, receipt, region, till, amount, items, big)
SELECT c.id, '2026-03-28T08:00:07Z'::timestamptz + n * interval '97 seconds', 'r' || n, (ARRAY['north', 'south', NULL])[n % 3 + 1], n % 2,
    CASE WHEN n % 7 > 0 THEN (n * 1.50)::numeric(10, 2) END, 1 + n % 4, CASE WHEN n % 7 > 0 THEN n * 1.50 >= 100 END
FROM core.clients c, generate_series(0, CASE c.name WHEN 'ours' THEN 199 ELSE 49 END) AS n;
INSERT INTO kpi_data.kpi_raw_data (client_id, time, kpi_code, value)
VALUES ('00000000-0000-0000-0000-000000000001', '2026-03-28T09:00:01Z', 'CHURN', 1.5),
    ('00000000-0000-0000-0000-000000000001', '2026-03-28T09:00:59Z', 'CHURN', 2.5);
RESET ROLE;
