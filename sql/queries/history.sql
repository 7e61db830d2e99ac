-- What is read of sessions: transcripts, histories, and the operators' lists.

-- name: party_of_session^
-- Who may see a session.
select id, customer_id, mitra_id from chat_sessions where id = :id

-- name: messages_after
select seq, id, sender_type, sender_id, client_message_id, content, created_at
from chat_messages
where session_id = :session_id and seq > :after_seq and seq < :before_seq
order by seq
limit :limit

-- name: messages_before
-- The newest ones below a seq, still in ascending order.
select * from (
    select seq, id, sender_type, sender_id, client_message_id, content, created_at
    from chat_messages
    where session_id = :session_id and seq < :before_seq
    order by seq desc
    limit :limit
) as newest
order by seq

-- name: active_of_customer$
select id from chat_sessions
where customer_id = :customer_id and status <> 'completed'
order by case status when 'closing' then 1 else 0 end, id desc
limit 1

-- name: unfinished_sessions
select id from chat_sessions where status <> 'completed'

-- name: unfinished_of_mitra
select id from chat_sessions where mitra_id = :mitra_id and status <> 'completed'
order by id

-- name: unfinished_of_customer
select id from chat_sessions where customer_id = :customer_id and status <> 'completed'

-- name: history_of_customer
-- Newest first: ids sort by birth.
select
    s.id, s.status, s.topics, s.sensitivity, s.started_at, s.ended_at, s.duration_minutes,
    s.mitra_id as peer_id, m.display_name as peer_name, r.stars, r.comment,
    (
        select count(*) from chat_sessions o
        where o.customer_id = s.customer_id and o.mitra_id = s.mitra_id
            and o.status = 'completed'
    ) as sessions_count,
    array(
        select array[c.sender_type, c.content] from closing_messages c
        where c.session_id = s.id order by c.at
    ) as closing
from chat_sessions s
join mitras m on m.id = s.mitra_id
left join session_ratings r on r.session_id = s.id
where s.customer_id = :customer_id and (cast(:before as uuid) is null or s.id < :before)
order by s.id desc
limit :limit

-- name: history_of_mitra
select
    s.id, s.status, s.topics, s.sensitivity, s.started_at, s.ended_at, s.duration_minutes,
    s.customer_id as peer_id, u.display_name as peer_name, r.stars, r.comment,
    (
        select count(*) from chat_sessions o
        where o.customer_id = s.customer_id and o.mitra_id = s.mitra_id
            and o.status = 'completed'
    ) as sessions_count,
    array(
        select array[c.sender_type, c.content] from closing_messages c
        where c.session_id = s.id order by c.at
    ) as closing
from chat_sessions s
join customers u on u.id = s.customer_id
left join session_ratings r on r.session_id = s.id
where s.mitra_id = :mitra_id and (cast(:before as uuid) is null or s.id < :before)
order by s.id desc
limit :limit

-- name: add_rating$
-- Once, by the customer, after completion.
insert into session_ratings (session_id, stars, comment, at)
select id, :stars, :comment, :at from chat_sessions
where id = :session_id and customer_id = :customer_id and status = 'completed'
on conflict do nothing
returning session_id

-- name: log_rating!
insert into session_events (session_id, event, actor_type, actor_id, at, detail)
values (:session_id, 'rated', 'customer', :customer_id, :at, :detail)

-- name: status_for_customer$
select status from chat_sessions where id = :session_id and customer_id = :customer_id

-- name: operator_sessions
-- Newest first. A session of a mitra whose account is off needs another mitra.
select
    s.*, u.display_name as customer_name, m.display_name as mitra_name, r.stars, r.comment,
    s.status in ('active', 'expired') and not m.is_active as needs_reroute,
    e.id as extension_id, e.duration_minutes as extension_minutes,
    e.expires_at as extension_expires_at
from chat_sessions s
join customers u on u.id = s.customer_id
join mitras m on m.id = s.mitra_id
left join session_ratings r on r.session_id = s.id
left join session_extensions e on e.session_id = s.id and e.outcome is null
where (cast(:id as uuid) is null or s.id = :id)
    and (cast(:status as text) is null or s.status = :status)
    and (cast(:mitra_id as uuid) is null or s.mitra_id = :mitra_id)
    and (cast(:customer_id as uuid) is null or s.customer_id = :customer_id)
    and (cast(:since as timestamptz) is null or s.started_at >= :since)
    and (cast(:until as timestamptz) is null or s.started_at < :until)
    and (
        not cast(:needs_reroute as boolean)
        or (s.status in ('active', 'expired') and not m.is_active)
    )
order by s.started_at desc, s.id desc
limit :limit offset :offset

-- name: count_operator_sessions$
select count(*)
from chat_sessions s
join mitras m on m.id = s.mitra_id
where (cast(:status as text) is null or s.status = :status)
    and (cast(:mitra_id as uuid) is null or s.mitra_id = :mitra_id)
    and (cast(:customer_id as uuid) is null or s.customer_id = :customer_id)
    and (cast(:since as timestamptz) is null or s.started_at >= :since)
    and (cast(:until as timestamptz) is null or s.started_at < :until)
    and (
        not cast(:needs_reroute as boolean)
        or (s.status in ('active', 'expired') and not m.is_active)
    )

-- name: timeline_of_session
select event, actor_type, actor_id, at, detail from session_events
where session_id = :session_id
order by id

-- name: extensions_of_session
select
    id, payment_request_id, duration_minutes, coalesce(outcome, 'pending') as status, reason,
    requested_at, expires_at, resolved_at
from session_extensions
where session_id = :session_id
order by requested_at, id
