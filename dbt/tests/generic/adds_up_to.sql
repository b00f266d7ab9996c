{# The model has as many rows, or rows that stand for as many, and the same sum of a column, to the cent, as another one. #}
{% test adds_up_to(model, column_name, to, rows='count(*)') %}
with ours as (

    select coalesce({{ rows }}, 0) as n, coalesce(sum({{ column_name }}), 0) as total from {{ model }}

),

theirs as (

    select count(*) as n, coalesce(sum({{ column_name }}), 0) as total from {{ to }}

)

select ours.n, ours.total, theirs.n as expected_n, theirs.total as expected_total
from ours
cross join theirs
where ours.n <> theirs.n or ours.total <> theirs.total
{% endtest %}
