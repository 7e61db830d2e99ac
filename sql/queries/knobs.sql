-- name: stored_knobs
select key, value
from app_config
order by key;

-- name: lock_knobs!
-- One change at a time, on however many nodes.
select pg_advisory_xact_lock(hashtext('app_config'));

-- name: store_knob!
insert into app_config (key, value, updated_at, updated_by)
values (:key, :value, :at, :updated_by)
on conflict (key) do update
set value = excluded.value, updated_at = excluded.updated_at, updated_by = excluded.updated_by;
