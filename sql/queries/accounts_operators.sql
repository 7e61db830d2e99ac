-- Control-center users, and what they did.

-- name: find_operator^
select id, email, display_name, role, is_active, created_at from cc_users where id = :id

-- name: find_credentials^
select id, email, display_name, role, is_active, created_at, password_hash
from cc_users
where email = :email

-- name: add_operator^
-- No row if the e-mail is taken.
insert into cc_users (
    id, email, display_name, role, password_hash, is_active, created_at, updated_at
)
values (:id, :email, :display_name, :role, :password_hash, true, :at, :at)
on conflict (email) do nothing
returning id, email, display_name, role, is_active, created_at

-- name: add_first_admin$
-- Nothing if there is an admin already. The advisory lock before it orders two nodes.
insert into cc_users (
    id, email, display_name, role, password_hash, is_active, created_at, updated_at
)
select :id, :email, :display_name, 'admin', :password_hash, true, :at, :at
where not exists (select 1 from cc_users where role = 'admin' and is_active)
on conflict (email) do nothing
returning id

-- name: any_admin$
select exists(select 1 from cc_users where role = 'admin' and is_active)

-- name: make_admin^
-- The command of last resort: creates the admin or gives this operator the role back.
insert into cc_users (
    id, email, display_name, role, password_hash, is_active, created_at, updated_at
)
values (:id, :email, :display_name, 'admin', :password_hash, true, :at, :at)
on conflict (email) do update
set role = 'admin', password_hash = excluded.password_hash, is_active = true, updated_at = :at
returning id, email, display_name, role, is_active, created_at

-- name: lock_admins
-- In the order of ids, so that two changes of two admins cannot wait for each other.
select id from cc_users where role = 'admin' and is_active order by id for update

-- name: lock_operator^
select id, email, display_name, role, is_active, created_at from cc_users
where id = :id
for update

-- name: change_operator^
update cc_users
set email = :email,
    display_name = :display_name,
    role = :role,
    is_active = :is_active,
    password_hash = coalesce(:password_hash::text, password_hash),
    updated_at = :at
where id = :id
    and not exists (select 1 from cc_users o where o.email = :email and o.id <> :id)
returning id, email, display_name, role, is_active, created_at

-- name: list_operators
select id, email, display_name, role, is_active, created_at from cc_users
order by id
limit :limit offset :offset

-- name: count_operators$
select count(*) from cc_users

-- name: write_audit!
insert into audit_log (
    id, at, actor_id, actor_name, action, subject_type, subject_id, old_value, new_value, reason
)
values (
    :id, :at, :actor_id,
    coalesce((select email from cc_users where id = :actor_id::uuid), 'system'),
    :action, :subject_type, :subject_id,
    :old_value, :new_value, :reason
)

-- name: list_audit
select
    id, at, actor_id, actor_name, action, subject_type, subject_id,
    old_value, new_value, reason
from audit_log
where (:actor_id::uuid is null or actor_id = :actor_id)
    and (:action::text is null or action = :action)
    and (:subject_id::text is null or subject_id = :subject_id)
    and (:since::timestamptz is null or at >= :since)
    and (:until::timestamptz is null or at < :until)
order by at desc, id desc
limit :limit offset :offset

-- name: count_audit$
select count(*) from audit_log
where (:actor_id::uuid is null or actor_id = :actor_id)
    and (:action::text is null or action = :action)
    and (:subject_id::text is null or subject_id = :subject_id)
    and (:since::timestamptz is null or at >= :since)
    and (:until::timestamptz is null or at < :until)
