-- The outbox of pushes.

-- name: owe_pushes
-- One row for each phone of each person. Somebody without a phone gets one that is done.
insert into pushes (
    user_id, fcm_token, platform, type, session_id, payment_request_id, message_id,
    created_at, due_at, expires_at, status
)
select
    o.user_id, d.fcm_token, d.platform, o.type, o.session_id, o.payment_request_id,
    o.message_id, :at, :at, o.expires_at,
    case when d.fcm_token is null then 'no_device' else 'owed' end
from unnest(
    :user_ids::uuid [], :types::text [], :session_ids::uuid [],
    :payment_request_ids::uuid [], :message_ids::uuid [], :expires_ats::timestamptz []
) with ordinality as o (
    user_id, type, session_id, payment_request_id, message_id, expires_at, place
)
left join devices d on d.user_id = o.user_id
order by o.place
returning fcm_token is not null as has_phone

-- name: claim_pushes
-- Two senders share the rows out among them. A sender that dies gives its rows back when
-- `again_at` comes. A token that has moved to somebody else since is not theirs any more.
with mine as (
    select id from pushes
    where status = 'owed' and due_at <= :at
    order by due_at, id
    limit :limit
    for update skip locked
)
update pushes p
set due_at = :again_at, attempts = p.attempts + 1
from mine
where p.id = mine.id
returning p.*, exists(
    select from devices d where d.fcm_token = p.fcm_token and d.user_id = p.user_id
) as is_theirs

-- name: settle_pushes!
update pushes p
set status = s.status, outcome = s.outcome, due_at = s.due_at
from unnest(
    :ids::bigint [], :statuses::text [], :outcomes::text [], :due_ats::timestamptz []
) as s (id, status, outcome, due_at)
where p.id = s.id and p.status = 'owed'

-- name: next_push_due$
select min(due_at) from pushes where status = 'owed'

-- name: forget_old_pushes!
delete from pushes where status <> 'owed' and created_at < :before

-- name: pushes_of_user
select * from pushes
where (cast(:user_id as uuid) is null or user_id = :user_id)
order by id desc
limit :limit

-- name: phones_of_user$
select count(*) from devices where user_id = :user_id
