-- The conversation. Every write of a session names the epoch of its owner: an owner
-- that was replaced, and wakes up late, changes nothing.

-- name: claim_session^
-- A new owner reads the session. Waits for a commit of the former owner that is under
-- way, so what it reads is final.
with claimed as (
    update chat_sessions set epoch = epoch + 1 where id = :id returning *
)
select
    s.*,
    c.display_name as customer_name,
    m.display_name as mitra_name
from claimed s
join customers c on c.id = s.customer_id
join mitras m on m.id = s.mitra_id

-- name: name_of_customer$
select display_name from customers where id = :customer_id

-- name: unread_of_session
-- Messages that the other party has not read yet.
select seq, sender_type from chat_messages
where session_id = :session_id
    and seq > case sender_type
        when 'customer' then :mitra_read_seq::bigint else :customer_read_seq::bigint
    end
order by seq

-- name: sent_of_session
-- What every client_message_id of the session became.
select sender_type, client_message_id, id, seq, created_at from chat_messages
where session_id = :session_id

-- name: closing_of_session
select sender_type, content from closing_messages where session_id = :session_id

-- name: write_batch
-- One commit for many sessions: their counters and receipts, then their messages.
-- Returns the sessions that were written; the others have another owner by now, or miss
-- an earlier commit, whose messages these must not overtake.
with written as (
    update chat_sessions s
    set last_seq = greatest(s.last_seq, b.last_seq),
        customer_delivered_seq = greatest(s.customer_delivered_seq, b.customer_delivered),
        customer_read_seq = greatest(s.customer_read_seq, b.customer_read),
        mitra_delivered_seq = greatest(s.mitra_delivered_seq, b.mitra_delivered),
        mitra_read_seq = greatest(s.mitra_read_seq, b.mitra_read)
    from unnest(
        :session_ids::uuid [], :epochs::bigint [], :first_seqs::bigint [],
        :last_seqs::bigint [],
        :customer_delivered::bigint [], :customer_read::bigint [],
        :mitra_delivered::bigint [], :mitra_read::bigint []
    ) as b (
        id, epoch, first_seq, last_seq,
        customer_delivered, customer_read, mitra_delivered, mitra_read
    )
    where s.id = b.id and s.epoch = b.epoch and b.first_seq in (0, s.last_seq + 1)
    returning s.id
),

stored as (
    insert into chat_messages (
        session_id, seq, id, sender_type, sender_id, client_message_id, content, created_at
    )
    select
        m.session_id, m.seq, m.id, m.sender_type, m.sender_id, m.client_message_id,
        m.content, m.created_at
    from unnest(
        :message_sessions::uuid [], :seqs::bigint [], :ids::uuid [], :sender_types::text [],
        :sender_ids::uuid [], :client_message_ids::text [], :contents::text [],
        :created_ats::timestamptz []
    ) as m (
        session_id, seq, id, sender_type, sender_id, client_message_id, content, created_at
    )
    join written w on w.id = m.session_id
)

select id from written

-- name: warn_session$
update chat_sessions set warned_for = :ends_at
where id = :id and epoch = :epoch and status = 'active'
returning id

-- name: move_session$
-- A session's next state, whole. What tells of its end is written once and stays.
-- Answers the reason of its completion, or '' while there is none.
update chat_sessions
set status = :status,
    mitra_id = :mitra_id,
    duration_minutes = :duration_minutes,
    ends_at = :ends_at,
    decision_deadline = :decision_deadline,
    grace_deadline = :grace_deadline,
    ended_at = case
        when cast(:status as text) in ('closing', 'completed') then coalesce(ended_at, :at)
    end,
    ended_by = case
        when cast(:status as text) in ('closing', 'completed') then coalesce(ended_by, :ended_by)
    end,
    end_reason = coalesce(end_reason, :end_reason),
    completion_reason = case
        when cast(:status as text) = 'completed'
            then coalesce(end_reason, cast(:completion as text))
    end
where id = :id and epoch = :epoch and status <> 'completed'
returning coalesce(completion_reason, '')

-- name: add_extension!
insert into session_extensions (
    id, session_id, payment_request_id, duration_minutes, default_action,
    requested_at, expires_at
) values (
    :id, :session_id, :payment_request_id, :duration_minutes, :default_action,
    :at, :expires_at
)

-- name: resolve_extension$
update session_extensions set outcome = :outcome, reason = :reason, resolved_at = :at
where id = :id and outcome is null
returning id

-- name: pending_extension^
select id, payment_request_id, duration_minutes, default_action, expires_at
from session_extensions
where session_id = :session_id and outcome is null

-- name: find_extension^
select id, coalesce(outcome, 'pending') as status, duration_minutes, expires_at, reason
from session_extensions
where id = :id and session_id = :session_id

-- name: extensions_in_use
-- Of these payments, those that a pending extension holds.
select payment_request_id from session_extensions
where payment_request_id = any(:payment_request_ids::uuid []) and outcome is null

-- name: lock_new_mitra^
-- Holds off any other decision about this mitra's slots until the transaction ends.
select display_name, is_active, capacity_override from mitras where id = :mitra_id for update

-- name: mitra_slots_in_use$
select count(*) from chat_sessions
where mitra_id = :mitra_id and status in ('active', 'expired')

-- name: store_closing_message$
insert into closing_messages (session_id, sender_type, content, at)
select id, :sender_type, :content, :at from chat_sessions
where id = :session_id and epoch = :epoch and status = 'closing'
on conflict do nothing
returning sender_type

-- name: unpushed_messages
-- What these readers have neither acknowledged nor been pushed. The rows stay locked, so
-- that two nodes never push one message twice.
select
    s.id as session_id, w.reader, m.id, m.seq, m.created_at
from unnest(:session_ids::uuid [], :readers::text [], :aboves::bigint []) as w (
    session_id, reader, above
)
join chat_sessions s on s.id = w.session_id
join chat_messages m
    on m.session_id = s.id
    and m.sender_type <> w.reader
    and m.seq > greatest(
        w.above, case w.reader when 'customer' then s.customer_pushed_seq
        else s.mitra_pushed_seq end
    )
order by s.id, m.seq
for no key update of s

-- name: note_pushed!
update chat_sessions s
set customer_pushed_seq = greatest(s.customer_pushed_seq, p.customer),
    mitra_pushed_seq = greatest(s.mitra_pushed_seq, p.mitra)
from unnest(:session_ids::uuid [], :customers::bigint [], :mitras::bigint []) as p (
    session_id, customer, mitra
)
where s.id = p.session_id

-- name: log_event!
insert into session_events (session_id, event, actor_type, actor_id, at, detail)
values (:session_id, :event, :actor_type, :actor_id, :at, :detail)

-- name: running_of_customer$
select id from chat_sessions
where customer_id = :customer_id and status in ('active', 'expired')

-- name: extendable$
-- Whether a session may get more time; null if it is not this customer's. One that waits
-- for an answer may: the customer then has the next one at hand.
select status in ('active', 'expired') from chat_sessions
where id = :session_id and customer_id = :customer_id
