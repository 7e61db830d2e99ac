-- Presence of mitras, and what a person finds on connecting.

-- name: read_mitra^
-- What a mitra's presence is made of. Sessions that take a slot are active or expired.
select
    m.id,
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

-- name: open_offers
-- What a mitra may accept: the searches that run are few, and are looked up one by one.
select
    p.id as pairing_id, p.request_type, c.display_name as customer_name,
    r.duration_minutes, r.topics, r.sensitivity, r.is_free_trial, p.expires_at
from pairings p
join pairing_offers o on o.pairing_id = p.id and o.mitra_id = :mitra_id
join customers c on c.id = p.customer_id
join payment_requests r on r.id = p.payment_request_id
where p.status = 'searching' and o.offered_at is not null and o.fate is null
order by o.offered_at, p.id

-- name: mark_seen!
update pairing_offers set seen_at = :at
where mitra_id = :mitra_id and pairing_id = any(:pairing_ids::uuid []) and seen_at is null

-- name: set_online$
-- Nobody goes online whose account is switched off. Null: nothing was changed.
insert into mitra_presence (mitra_id, is_online, since, last_heartbeat_at)
select m.id, :is_online, :at, :at from mitras m
where m.id = :mitra_id and (m.is_active or not :is_online)
for no key update of m
on conflict (mitra_id) do update
set is_online = excluded.is_online,
    since = excluded.since,
    last_heartbeat_at = case
        when excluded.is_online then excluded.last_heartbeat_at
        else mitra_presence.last_heartbeat_at
    end
returning mitra_id

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

-- name: online_log
-- Newest first.
select l.mitra_id, m.display_name, l.is_online, l.reason, l.at
from mitra_online_log l
join mitras m on m.id = l.mitra_id
where (:mitra_id::uuid is null or l.mitra_id = :mitra_id)
    and (:since::timestamptz is null or l.at >= :since)
    and (:until::timestamptz is null or l.at < :until)
order by l.at desc, l.id desc
limit :limit offset :offset

-- name: count_online_log$
select count(*) from mitra_online_log l
where (:mitra_id::uuid is null or l.mitra_id = :mitra_id)
    and (:since::timestamptz is null or l.at >= :since)
    and (:until::timestamptz is null or l.at < :until)
