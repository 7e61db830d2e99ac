-- Presence of mitras, and what a person finds on connecting.

-- name: read_mitra^
-- What a mitra's presence is made of. Sessions that take a slot are active or expired.
select
    m.id,
    m.display_name,
    m.is_active,
    m.capacity_override,
    coalesce(p.is_online, false) as is_online,
    p.since,
    p.last_heartbeat_at,
    array(
        select s.id from chat_sessions s
        where s.mitra_id = m.id and s.status in ('active', 'expired')
    ) as running,
    array(
        select s.id from chat_sessions s
        where s.mitra_id = m.id and s.status = 'closing'
    ) as closing
from mitras m
left join mitra_presence p on p.mitra_id = m.id
where m.id = :mitra_id

-- name: set_online!
insert into mitra_presence (mitra_id, is_online, since, last_heartbeat_at)
values (:mitra_id, :is_online, :at, :at)
on conflict (mitra_id) do update
set is_online = excluded.is_online,
    since = excluded.since,
    last_heartbeat_at = case
        when excluded.is_online then excluded.last_heartbeat_at
        else mitra_presence.last_heartbeat_at
    end

-- name: log_online!
insert into mitra_online_log (mitra_id, is_online, reason, at)
values (:mitra_id, :is_online, :reason, :at)

-- name: store_heartbeat!
update mitra_presence set last_heartbeat_at = :at where mitra_id = :mitra_id

-- name: online_mitras
select mitra_id from mitra_presence where is_online

-- name: read_customer^
select
    c.id,
    array(
        select s.id from chat_sessions s
        where s.customer_id = c.id and s.status <> 'completed'
        order by s.id
    ) as sessions,
    (
        select p.id from pairings p
        where p.customer_id = c.id and p.status = 'searching'
    ) as pairing_id
from customers c
where c.id = :customer_id
