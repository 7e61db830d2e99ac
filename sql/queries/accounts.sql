-- Customers, mitras and their devices.

-- name: lock_identity!
-- Two sign-ins with the same phone or social identity wait for one another here, so that
-- one of them makes the account and the other finds it.
select pg_advisory_xact_lock(hashtextextended(:identity, 0))

-- name: add_customer<!
insert into customers (id, display_name, phone, is_anonymous, created_at, updated_at)
values (:id, :display_name, :phone, :is_anonymous, :at, :at)
returning id, display_name, phone, is_anonymous, created_at, blocked_at, closed_at

-- name: find_customer^
select id, display_name, phone, is_anonymous, created_at, blocked_at, closed_at
from customers
where id = :id

-- name: find_customer_by_phone^
select id, display_name, phone, is_anonymous, created_at, blocked_at, closed_at
from customers
where phone = :phone

-- name: find_customer_by_identity^
select c.id, c.display_name, c.phone, c.is_anonymous, c.created_at, c.blocked_at, c.closed_at
from social_identities s
join customers c on c.id = s.customer_id
where s.issuer = :issuer and s.subject = :subject

-- name: register_customer^
-- An anonymous customer becomes a registered one and keeps everything.
update customers
set phone = coalesce(:phone::text, phone),
    display_name = coalesce(:display_name::text, display_name),
    is_anonymous = false,
    updated_at = :at
where id = :id and is_anonymous and blocked_at is null and closed_at is null
returning id, display_name, phone, is_anonymous, created_at, blocked_at, closed_at

-- name: add_identity!
insert into social_identities (issuer, subject, customer_id, created_at)
values (:issuer, :subject, :customer_id, :at)

-- name: identities_of
select issuer, subject, created_at from social_identities
where customer_id = :customer_id order by created_at

-- name: rename_customer^
update customers set display_name = :display_name, updated_at = :at
where id = :id and closed_at is null
returning id, display_name, phone, is_anonymous, created_at, blocked_at, closed_at

-- name: block_customer^
-- Blocks or unblocks; no row if there is nothing to change.
update customers
set blocked_at = case when :is_blocked::boolean then :at::timestamptz end,
    farewell_due = :is_blocked::boolean,
    updated_at = :at
where id = :id and closed_at is null and (blocked_at is not null) <> :is_blocked::boolean
returning id, display_name, phone, is_anonymous, created_at, blocked_at, closed_at

-- name: close_customer^
-- What says who it was is erased. No row if it was closed before.
update customers
set display_name = :nobody,
    phone = null,
    closed_at = :at,
    updated_at = :at,
    farewell_due = true
where id = :id and closed_at is null
returning id

-- name: forget_identities!
delete from social_identities where customer_id = :customer_id

-- name: forget_phone!
delete from otp_challenges
where user_type = 'customer' and phone = (select phone from customers where id = :customer_id)

-- name: farewells_due
select id from customers where farewell_due order by id limit 500

-- name: farewell_said!
update customers set farewell_due = false where id = :id and farewell_due

-- name: list_customers
select id, display_name, phone, is_anonymous, created_at, blocked_at, closed_at
from customers
where
    :search::text is null
    or position(lower(:search) in lower(display_name)) > 0
    or position(:search in phone) > 0
    or id::text = :search
order by id desc
limit :limit offset :offset

-- name: count_customers$
select count(*) from customers
where
    :search::text is null
    or position(lower(:search) in lower(display_name)) > 0
    or position(:search in phone) > 0
    or id::text = :search

-- name: add_mitra^
-- No row if the phone is taken.
insert into mitras (id, display_name, phone, is_active, created_at, updated_at)
values (:id, :display_name, :phone, true, :at, :at)
on conflict (phone) do nothing
returning id, display_name, phone, is_active, capacity_override, created_at

-- name: any_mitra$
select exists(select 1 from mitras)

-- name: find_mitra^
select id, display_name, phone, is_active, capacity_override, created_at
from mitras
where id = :id

-- name: find_mitra_by_phone^
select id, display_name, phone, is_active, capacity_override, created_at
from mitras
where phone = :phone

-- name: lock_mitra^
select id, display_name, phone, is_active, capacity_override, created_at
from mitras
where id = :id
for update

-- name: change_mitra^
update mitras
set display_name = :display_name,
    is_active = :is_active,
    capacity_override = :capacity_override,
    updated_at = :at
where id = :id
returning id, display_name, phone, is_active, capacity_override, created_at

-- name: list_mitras
select id, display_name, phone, is_active, capacity_override, created_at
from mitras
where
    (
        :search::text is null
        or position(lower(:search) in lower(display_name)) > 0
        or position(:search in phone) > 0
        or id::text = :search
    )
    and (:is_online::boolean is null or (id = any(:online::uuid [])) = :is_online)
order by id desc
limit :limit offset :offset

-- name: count_mitras$
select count(*) from mitras
where
    (
        :search::text is null
        or position(lower(:search) in lower(display_name)) > 0
        or position(:search in phone) > 0
        or id::text = :search
    )
    and (:is_online::boolean is null or (id = any(:online::uuid [])) = :is_online)

-- name: keep_device!
-- The token moves to whoever registers it last, and lives as long as that auth session.
insert into devices (
    fcm_token, user_type, user_id, auth_session_id, platform, created_at, updated_at
)
select :fcm_token, user_type, user_id, id, :platform, :at, :at
from auth_sessions
where id = :auth_session_id and revoked_at is null
on conflict (fcm_token) do update
set user_type = excluded.user_type,
    user_id = excluded.user_id,
    auth_session_id = excluded.auth_session_id,
    platform = excluded.platform,
    updated_at = excluded.updated_at

-- name: forget_device!
delete from devices where fcm_token = :fcm_token and user_id = :user_id

-- name: forget_dead_device!
delete from devices where fcm_token = :fcm_token

-- name: devices_of
select platform, created_at, updated_at from devices
where user_id = :user_id order by created_at
