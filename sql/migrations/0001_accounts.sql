-- Accounts: who there is, who is signed in, and who did what.

create table customers (
    id uuid primary key,
    display_name text not null,
    phone text unique, -- E.164
    is_anonymous boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    blocked_at timestamptz,
    -- Closed by the customer: the row stays for the other party's transcripts, without
    -- name, phone and identities.
    closed_at timestamptz,
    -- Blocked or closed, and the other features have not finished with it yet.
    farewell_due boolean not null default false
);
create index customers_newest on customers (id desc);
create index customers_farewell on customers (id) where farewell_due;

-- Google and Apple. Matched by issuer and subject, never by e-mail, so none is kept.
create table social_identities (
    issuer text not null,
    subject text not null,
    customer_id uuid not null references customers (id) on delete cascade,
    created_at timestamptz not null,
    primary key (issuer, subject)
);
create index social_identities_of_customer on social_identities (customer_id);

create table mitras (
    id uuid primary key,
    display_name text not null,
    phone text not null unique, -- E.164; a customer may have the same
    is_active boolean not null,
    capacity_override integer check (capacity_override between 0 and 50),
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create table cc_users (
    id uuid primary key,
    email text not null unique check (email = lower(email)),
    display_name text not null,
    role text not null check (role in ('admin', 'operator')),
    password_hash text not null,
    is_active boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

-- One row is one sign-in: a family of refresh tokens, of which the newest generation is
-- kept as a bcrypt hash. Earlier ones prove themselves by their MAC (accounts/tokens.py).
create table auth_sessions (
    id uuid primary key,
    user_type text not null check (user_type in ('customer', 'mitra', 'cc_user')),
    user_id uuid not null,
    generation integer not null,
    refresh_hash text not null,
    rotated_at timestamptz not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    revoked_reason text
);
create index auth_sessions_of_user on auth_sessions (user_id) where revoked_at is null;
create index auth_sessions_revoked on auth_sessions (revoked_at) where revoked_at is not null;
create index auth_sessions_expiry on auth_sessions (expires_at);

-- The one code that a phone may be waiting for. Without a hash nothing was sent (no such
-- mitra), and no code will ever match.
create table otp_challenges (
    user_type text not null check (user_type in ('customer', 'mitra')),
    phone text not null,
    id uuid not null,
    code_hash bytea,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    attempts integer not null default 0,
    consumed_at timestamptz,
    blocked_until timestamptz,
    primary key (user_type, phone)
);
create index otp_challenges_expiry on otp_challenges (expires_at);

create table devices (
    fcm_token text primary key,
    user_type text not null check (user_type in ('customer', 'mitra')),
    user_id uuid not null,
    auth_session_id uuid not null references auth_sessions (id) on delete cascade,
    platform text not null check (platform in ('android', 'ios', 'web')),
    created_at timestamptz not null,
    updated_at timestamptz not null
);
create index devices_of_user on devices (user_id);
create index devices_of_auth_session on devices (auth_session_id);

create table audit_log (
    id uuid primary key,
    at timestamptz not null,
    actor_id uuid,
    actor_name text not null,
    action text not null,
    subject_type text not null,
    subject_id text not null,
    old_value jsonb,
    new_value jsonb,
    reason text
);
create index audit_log_newest on audit_log (at desc, id desc);
create index audit_log_of_subject on audit_log (subject_id, at desc);
create index audit_log_of_actor on audit_log (actor_id, at desc);

-- Append-only by rule: whoever wants to change history must first be seen to drop this.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name;
end
$$;
create trigger audit_log_rows_stay
before update or delete on audit_log
for each row execute function refuse_change();
create trigger audit_log_stays
before truncate on audit_log
for each statement execute function refuse_change();
