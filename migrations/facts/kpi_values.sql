-- Ready-made KPI values by period (average, smallest, largest, count), over the rollup of kpi_raw_data by code.
CREATE VIEW {{schema}}.kpi_values_{{level}} AS
SELECT client_id, bucket, kpi_code, value_sum / nullif(value_count, 0) AS avg_value, value_min AS min_value, value_max AS max_value,
    facts AS data_points
FROM {{rollup}};
GRANT SELECT ON {{schema}}.kpi_values_{{level}} TO analytics_app;
