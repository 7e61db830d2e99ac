-- Searches and offers: what the owner of a search writes. See also searches.sql.

-- name: mitra_exists$
select true from mitras where id = :mitra_id

-- name: running_search^
-- The search that keeps a customer from starting another.
select id, payment_request_id from pairings
where customer_id = :customer_id and status = 'searching'

-- name: running_session$
select id from chat_sessions
where customer_id = :customer_id and status in ('active', 'expired')

-- name: open_pairing^
-- Opens a search unless the customer has one. Insert first and look at sessions after:
-- the index makes this wait for a search that is just being won.
with opened as (
    insert into pairings (
        id, payment_request_id, customer_id, request_type, targeted_mitra_id,
        status, started_at, expires_at, epoch
    ) values (
        :id, :payment_request_id, :customer_id, :request_type, :targeted_mitra_id,
        'searching', :at, :expires_at, 1
    )
    on conflict do nothing
    returning *
)

select
    p.*,
    c.display_name as customer_name,
    r.duration_minutes,
    r.topics,
    r.sensitivity,
    r.is_free_trial,
    r.expires_at as payment_expires_at
from opened p
join customers c on c.id = p.customer_id
join payment_requests r on r.id = p.payment_request_id

-- name: claim_pairing^
-- A new owner reads the search; writes of the former one change nothing from now on.
with claimed as (
    update pairings set epoch = epoch + 1 where id = :id returning *
)

select
    p.*,
    c.display_name as customer_name,
    r.duration_minutes,
    r.topics,
    r.sensitivity,
    r.is_free_trial,
    r.expires_at as payment_expires_at
from claimed p
join customers c on c.id = p.customer_id
join payment_requests r on r.id = p.payment_request_id

-- name: offers_of
select mitra_id, offered_at is not null as was_asked, fate
from pairing_offers where pairing_id = :pairing_id

-- name: with_phones
-- Which of these people have a phone that pushes go to.
select distinct user_id from devices where user_id = any(:user_ids::uuid [])

-- name: store_offers$
-- Asks these mitras, and notes who was passed over. Null if the search is not ours any more.
with owned as (
    select id from pairings where id = :pairing_id and epoch = :epoch and status = 'searching'
),

asked as (
    insert into pairing_offers (pairing_id, mitra_id, channel, offered_at, seen_at)
    select
        o.id, m.mitra_id, m.channel, :at::timestamptz,
        case m.channel when 'ws' then :at::timestamptz end
    from owned o, unnest(:mitra_ids::uuid [], :channels::text []) as m (mitra_id, channel)
    on conflict (pairing_id, mitra_id) do update
    set channel = excluded.channel, offered_at = excluded.offered_at,
        seen_at = excluded.seen_at, fate = null, decided_at = null
),

passed_over as (
    insert into pairing_offers (pairing_id, mitra_id, fate, decided_at)
    select o.id, m.mitra_id, m.fate, :at::timestamptz
    from owned o, unnest(:passed_over::uuid [], :reasons::text []) as m (mitra_id, fate)
    on conflict do nothing
)

select id from owned

-- name: settle_offer$
-- What became of one offer while the search runs. Null if the search is not ours any more.
with owned as (
    select id from pairings where id = :pairing_id and epoch = :epoch and status = 'searching'
),

settled as (
    update pairing_offers f set fate = :fate, decided_at = :at
    from owned o
    where f.pairing_id = o.id and f.mitra_id = :mitra_id and f.fate is null
)

select id from owned

-- name: close_pairing$
-- The end of a search, once, and only by its owner.
update pairings
set status = :status, cause_tag = :cause_tag, is_terminal = :is_terminal, closed_at = :at
where id = :id and epoch = :epoch and status = 'searching'
returning id

-- name: cancel_retry$
-- The customer gives up after a search that failed: there will be no other.
update pairings set status = 'cancelled', cause_tag = 'customer_cancelled', is_terminal = true
where id = :id and epoch = :epoch and status = 'failed'
returning id

-- name: win_pairing^
-- Ends the search for a winner and holds off every other decision about that mitra's
-- slots until the transaction ends. No row: the search is closed, or not ours any more.
with closed as (
    update pairings
    set status = 'paired', session_id = :session_id, closed_at = :at
    where id = :id and epoch = :epoch and status = 'searching'
    returning id
)

select m.is_active, m.capacity_override from mitras m, closed
where m.id = :mitra_id
for no key update of m

-- name: open_session$
-- A session in a free slot; null if there is none. A statement after `win_pairing`, so
-- that it sees what was committed while that one waited for the mitra.
with opened as (
    insert into chat_sessions (
        id, customer_id, mitra_id, payment_request_id, status, topics, sensitivity,
        duration_minutes, is_free_trial, started_at, ends_at
    )
    select
        :id, :customer_id, :mitra_id, :payment_request_id, 'active', :topics, :sensitivity,
        :duration_minutes, :is_free_trial, :at, :ends_at
    where (
        select count(*) from chat_sessions
        where mitra_id = :mitra_id and status in ('active', 'expired')
    ) < :capacity
    returning id
),

logged as (
    insert into session_events (session_id, event, actor_type, actor_id, at)
    select id, 'started', 'mitra', :mitra_id, :at from opened
),

settled as (
    update pairing_offers set fate = 'accepted', decided_at = :at
    where pairing_id = :pairing_id and mitra_id = :mitra_id
        and exists (select 1 from opened)
)

select id from opened
