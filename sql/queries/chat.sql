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
-- Returns the sessions that were written; the others have another owner by now.
with written as (
    update chat_sessions s
    set last_seq = greatest(s.last_seq, b.last_seq),
        customer_delivered_seq = greatest(s.customer_delivered_seq, b.customer_delivered),
        customer_read_seq = greatest(s.customer_read_seq, b.customer_read),
        mitra_delivered_seq = greatest(s.mitra_delivered_seq, b.mitra_delivered),
        mitra_read_seq = greatest(s.mitra_read_seq, b.mitra_read)
    from unnest(
        :session_ids::uuid [], :epochs::bigint [], :last_seqs::bigint [],
        :customer_delivered::bigint [], :customer_read::bigint [],
        :mitra_delivered::bigint [], :mitra_read::bigint []
    ) as b (
        id, epoch, last_seq, customer_delivered, customer_read, mitra_delivered, mitra_read
    )
    where s.id = b.id and s.epoch = b.epoch
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

-- name: expire_session$
update chat_sessions set status = 'expired', decision_deadline = :decision_deadline
where id = :id and epoch = :epoch and status = 'active'
returning id

-- name: close_session$
update chat_sessions
set status = 'closing', decision_deadline = null, grace_deadline = :grace_deadline,
    ended_at = :at, ended_by = :ended_by, end_reason = :end_reason
where id = :id and epoch = :epoch and status in ('active', 'expired')
returning id

-- name: complete_session$
update chat_sessions
set status = 'completed', decision_deadline = null, grace_deadline = null,
    ended_at = coalesce(ended_at, :at), ended_by = coalesce(ended_by, 'system'),
    completion_reason = coalesce(end_reason, :reason)
where id = :id and epoch = :epoch and status <> 'completed'
returning completion_reason

-- name: move_end$
-- The test route's way to make time pass for one session.
update chat_sessions set ends_at = :ends_at
where id = :id and epoch = :epoch and status = 'active'
returning id

-- name: store_closing_message$
insert into closing_messages (session_id, sender_type, content, at)
values (:session_id, :sender_type, :content, :at)
on conflict do nothing
returning sender_type

-- name: log_event!
insert into session_events (session_id, event, actor_type, actor_id, at, detail)
values (:session_id, :event, :actor_type, :actor_id, :at, :detail)

-- name: unfinished_sessions
select id from chat_sessions where status <> 'completed'

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

-- name: unfinished_of_mitra
select id from chat_sessions where mitra_id = :mitra_id and status <> 'completed'
order by id

-- name: running_of_customer$
select id from chat_sessions
where customer_id = :customer_id and status in ('active', 'expired')

-- name: extendable$
-- Whether a session may get more time; null if it is not this customer's.
select status in ('active', 'expired') from chat_sessions
where id = :session_id and customer_id = :customer_id

-- name: unfinished_of_customer
select id from chat_sessions where customer_id = :customer_id and status <> 'completed'
