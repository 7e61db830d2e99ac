-- Presence, pairing and the conversation.

-- Presence. A mitra without a row was never online.
create table mitra_presence (
    mitra_id uuid primary key references mitras (id) on delete cascade,
    is_online boolean not null,
    since timestamptz not null,
    last_heartbeat_at timestamptz not null
) with (fillfactor = 70);
create index mitra_presence_online on mitra_presence (mitra_id) where is_online;

create table mitra_online_log (
    id bigint generated always as identity primary key,
    mitra_id uuid not null references mitras (id) on delete cascade,
    is_online boolean not null,
    reason text not null check (
        reason in ('manual', 'stale', 'operator', 'deactivated', 'logout', 'test')
    ),
    at timestamptz not null
);
create index mitra_online_log_of_mitra on mitra_online_log (mitra_id, at desc);
create index mitra_online_log_newest on mitra_online_log (at desc);

-- Pairing: one row for each search that a payment started.
create table pairings (
    id uuid primary key,
    payment_request_id uuid not null references payment_requests (id),
    customer_id uuid not null references customers (id),
    request_type text not null check (request_type in ('blast', 'returning')),
    targeted_mitra_id uuid references mitras (id),
    status text not null check (status in ('searching', 'paired', 'failed', 'cancelled')),
    cause_tag text,
    is_terminal boolean,
    started_at timestamptz not null,
    expires_at timestamptz not null,
    closed_at timestamptz,
    session_id uuid,
    -- Counts the owners. A write of an earlier one changes nothing.
    epoch bigint not null default 0,
    check ((request_type = 'returning') = (targeted_mitra_id is not null)),
    check ((status = 'searching') = (closed_at is null)),
    check ((status = 'paired') = (session_id is not null))
);
create unique index pairings_one_search on pairings (customer_id) where status = 'searching';
create index pairings_of_payment on pairings (payment_request_id);
create index pairings_newest on pairings (started_at desc);

-- Every mitra whom a search has considered: asked, or online and passed over. A hundred
-- thousand rows may come within a second, hence one foreign key and a BRIN index only
-- (mitras are never deleted). An offer that was still open when its search closed has no
-- fate of its own: the search's row tells it.
create table pairing_offers (
    pairing_id uuid not null references pairings (id) on delete cascade,
    mitra_id uuid not null,
    channel text check (channel in ('ws', 'fcm', 'none')),
    offered_at timestamptz, -- null: passed over, and `fate` says why
    seen_at timestamptz, -- when it was written to one of their sockets, or listed to them
    fate text check (fate in ('accepted', 'declined', 'offline', 'at_capacity')),
    decided_at timestamptz,
    primary key (pairing_id, mitra_id),
    check ((offered_at is null) = (channel is null)),
    check (offered_at is not null or fate is not null)
) with (fillfactor = 90);
create index pairing_offers_of_day on pairing_offers using brin (offered_at);

-- The timed chat.
create table chat_sessions (
    id uuid primary key,
    customer_id uuid not null references customers (id),
    mitra_id uuid not null references mitras (id),
    payment_request_id uuid not null unique references payment_requests (id),
    status text not null check (status in ('active', 'expired', 'closing', 'completed')),
    topics text [] not null,
    sensitivity text not null,
    duration_minutes integer not null,
    is_free_trial boolean not null,
    started_at timestamptz not null,
    -- Every deadline is an absolute time; which one stands follows from the status.
    ends_at timestamptz not null,
    warned_for timestamptz,
    decision_deadline timestamptz,
    grace_deadline timestamptz,
    ended_at timestamptz,
    ended_by text check (ended_by in ('customer', 'mitra', 'operator', 'system')),
    -- Why it was ended from outside; it becomes the reason of its completion.
    end_reason text check (end_reason in ('operator', 'account_closed')),
    completion_reason text check (
        completion_reason in ('closed', 'grace_over', 'abandoned', 'operator', 'account_closed')
    ),
    last_seq bigint not null default 0,
    -- What each party has of the other's messages, up to a seq.
    customer_delivered_seq bigint not null default 0,
    customer_read_seq bigint not null default 0,
    mitra_delivered_seq bigint not null default 0,
    mitra_read_seq bigint not null default 0,
    -- Up to where pushes are owed to each for what it had not acknowledged.
    customer_pushed_seq bigint not null default 0,
    mitra_pushed_seq bigint not null default 0,
    epoch bigint not null default 0,
    check ((status = 'completed') = (completion_reason is not null))
) with (fillfactor = 70);
create unique index chat_sessions_one_running on chat_sessions (customer_id)
where status in ('active', 'expired');
create index chat_sessions_unfinished on chat_sessions (mitra_id) where status <> 'completed';
create index chat_sessions_of_customer on chat_sessions (customer_id, id desc);
create index chat_sessions_of_mitra on chat_sessions (mitra_id, id desc);
create index chat_sessions_newest on chat_sessions (started_at desc, id desc);

create table chat_messages (
    session_id uuid not null references chat_sessions (id) on delete cascade,
    seq bigint not null,
    id uuid not null,
    sender_type text not null check (sender_type in ('customer', 'mitra')),
    sender_id uuid not null,
    client_message_id text not null,
    content text not null,
    created_at timestamptz not null,
    primary key (session_id, seq),
    unique (session_id, sender_type, client_message_id)
);

-- What each party left at the end; a null content is a skip.
create table closing_messages (
    session_id uuid not null references chat_sessions (id) on delete cascade,
    sender_type text not null check (sender_type in ('customer', 'mitra')),
    content text,
    at timestamptz not null,
    primary key (session_id, sender_type)
);

-- More time, paid for and asked for. Pending until it has an outcome; its deadline is
-- absolute. A payment is used for one request and ends with it.
create table session_extensions (
    id uuid primary key,
    session_id uuid not null references chat_sessions (id) on delete cascade,
    payment_request_id uuid not null unique references payment_requests (id),
    duration_minutes integer not null,
    default_action text not null check (default_action in ('auto_approve', 'auto_reject')),
    requested_at timestamptz not null,
    expires_at timestamptz not null,
    outcome text check (outcome in ('approved', 'auto_approved', 'rejected', 'auto_rejected')),
    reason text check (reason in ('timeout', 'mitra_offline', 'session_ended')),
    resolved_at timestamptz,
    check ((outcome is null) = (resolved_at is null))
);
create unique index session_extensions_one_pending on session_extensions (session_id)
where outcome is null;
create index session_extensions_of_session on session_extensions (session_id, requested_at);

create table session_ratings (
    session_id uuid primary key references chat_sessions (id) on delete cascade,
    stars integer not null check (stars between 1 and 5),
    comment text,
    at timestamptz not null
);

-- The session's timeline, written in the same transactions as what it tells.
create table session_events (
    id bigint generated always as identity primary key,
    session_id uuid not null references chat_sessions (id) on delete cascade,
    event text not null,
    actor_type text not null check (actor_type in ('customer', 'mitra', 'operator', 'system')),
    actor_id uuid,
    at timestamptz not null,
    detail jsonb
);
create index session_events_of_session on session_events (session_id, id);
