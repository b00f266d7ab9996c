{# Timestamps without time zone, to the microsecond. Iceberg tables, which Athena writes, have them with six digits only. #}
{% macro timestamp_micros() %}{{ return(adapter.dispatch('timestamp_micros')()) }}{% endmacro %}
{% macro default__timestamp_micros() %}{{ return(dbt.type_timestamp()) }}{% endmacro %}
{% macro athena__timestamp_micros() %}{{ return('timestamp(6)') }}{% endmacro %}
