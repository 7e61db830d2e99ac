-- What is owed to phones: one row for each push and phone.

create table pushes (
    id bigint generated always as identity primary key,
    user_id uuid not null,
    -- The phone at the time it was owed. Null: there was none; kept to be seen by tests.
    fcm_token text,
    platform text,
    type text not null check (
        type in (
            'chat_message', 'paired', 'pairing_failed', 'chat_request',
            'extension_requested', 'session_expired', 'session_closing'
        )
    ),
    session_id uuid,
    payment_request_id uuid,
    message_id uuid,
    created_at timestamptz not null,
    -- Not before; moved ahead by a claim and by each failure.
    due_at timestamptz not null,
    expires_at timestamptz not null,
    attempts integer not null default 0,
    status text not null default 'owed' check (
        status in ('owed', 'sent', 'recorded', 'no_device', 'dead_token', 'expired', 'failed')
    ),
    -- FCM's last word: a message name, or an error code. Never a token.
    outcome text
) with (fillfactor = 70);
create index pushes_due on pushes (due_at) where status = 'owed';
create index pushes_of_user on pushes (user_id, id desc);
create index pushes_done on pushes (created_at) where status <> 'owed';
