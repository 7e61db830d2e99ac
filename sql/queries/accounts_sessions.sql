-- Auth sessions and one-time codes.

-- Each of the three opens a session only while the user may sign in. The lock on the
-- user's row orders it against a block: either the block sees this session and revokes
-- it, or this sees the block.

-- name: open_customer_session$
insert into auth_sessions (
    id, user_type, user_id, generation, refresh_hash, rotated_at, created_at, expires_at
)
select :id, 'customer', u.id, 1, :refresh_hash, :at, :at, :expires_at
from (
    select id from customers
    where id = :user_id and blocked_at is null and closed_at is null
    for share
) u
returning id

-- name: open_mitra_session$
insert into auth_sessions (
    id, user_type, user_id, generation, refresh_hash, rotated_at, created_at, expires_at
)
select :id, 'mitra', u.id, 1, :refresh_hash, :at, :at, :expires_at
from (select id from mitras where id = :user_id and is_active for share) u
returning id

-- name: open_operator_session$
insert into auth_sessions (
    id, user_type, user_id, generation, refresh_hash, rotated_at, created_at, expires_at
)
select :id, 'cc_user', u.id, 1, :refresh_hash, :at, :at, :expires_at
from (select id from cc_users where id = :user_id and is_active for share) u
returning id

-- name: find_session^
select id, user_type, user_id, generation, refresh_hash, rotated_at, expires_at, revoked_at
from auth_sessions
where id = :id

-- name: rotate_session$
-- Nothing if another refresh was faster, or the session is over.
update auth_sessions
set generation = generation + 1,
    refresh_hash = :refresh_hash,
    rotated_at = :at,
    expires_at = :expires_at
where id = :id and generation = :generation and revoked_at is null and expires_at > :at
returning generation

-- name: revoke_session
update auth_sessions set revoked_at = :at, revoked_reason = :reason
where id = :id and revoked_at is null
returning id

-- name: revoke_sessions_of
update auth_sessions set revoked_at = :at, revoked_reason = :reason
where user_id = :user_id and revoked_at is null
returning id

-- name: forget_devices_of_sessions!
delete from devices where auth_session_id = any(:ids::uuid [])

-- name: revoked_since
select id, revoked_at from auth_sessions where revoked_at > :since

-- name: sessions_of
select created_at, rotated_at, expires_at, revoked_at from auth_sessions
where user_id = :user_id order by created_at

-- name: forget_old_sessions!
delete from auth_sessions where expires_at < :before or revoked_at < :before

-- name: waiting_for^
-- Whether a phone must wait before its next code.
select created_at, blocked_until, consumed_at from otp_challenges
where user_type = :user_type and phone = :phone

-- name: open_challenge$
-- Replaces what the phone was waiting for; nothing if it is too early or blocked.
insert into otp_challenges (user_type, phone, id, code_hash, created_at, expires_at)
values (:user_type, :phone, :id, :code_hash, :at, :expires_at)
on conflict (user_type, phone) do update
set id = excluded.id,
    code_hash = excluded.code_hash,
    created_at = excluded.created_at,
    expires_at = excluded.expires_at,
    attempts = 0,
    consumed_at = null,
    blocked_until = null
where otp_challenges.created_at <= :cooled_since
    and (otp_challenges.consumed_at is not null or coalesce(otp_challenges.blocked_until <= :at, true))
returning id

-- name: spend_attempt^
-- Counted before the code is looked at, so that simultaneous guesses get no more than
-- their number. The last one blocks unless it turns out to be right.
update otp_challenges
set attempts = attempts + 1,
    blocked_until = case when attempts + 1 >= :most::integer then :blocked_until::timestamptz end
where user_type = :user_type and phone = :phone
    and consumed_at is null and expires_at > :at and attempts < :most::integer
returning id, code_hash, attempts

-- name: consume_challenge$
update otp_challenges set consumed_at = :at, blocked_until = null
where user_type = :user_type and phone = :phone and id = :id and consumed_at is null
returning id

-- name: reset_challenges!
delete from otp_challenges where phone = :phone

-- name: forget_old_challenges!
delete from otp_challenges
where expires_at < :before and coalesce(blocked_until < :before, true)
