-- Searches and offers.

-- name: running_search^
-- The search that keeps a customer from starting another.
select id, payment_request_id from pairings
where customer_id = :customer_id and status = 'searching'

-- name: running_session$
select id from chat_sessions
where customer_id = :customer_id and status in ('active', 'expired')

-- name: open_pairing$
-- Opens a search unless the customer has one. Insert first and look at sessions after:
-- the index makes this wait for a search that is just being won.
insert into pairings (
    id, payment_request_id, customer_id, request_type, targeted_mitra_id,
    status, started_at, expires_at, epoch
) values (
    :id, :payment_request_id, :customer_id, :request_type, :targeted_mitra_id,
    'searching', :at, :expires_at, 1
)
on conflict (customer_id) where status = 'searching' do nothing
returning id

-- name: claim_pairing^
-- A new owner reads the pairing; writes of the former one change nothing from now on.
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
select mitra_id, channel, offered_at, fate from pairing_offers where pairing_id = :pairing_id

-- name: store_offers!
insert into pairing_offers (pairing_id, mitra_id, channel, offered_at)
select :pairing_id, o.mitra_id, o.channel, :at
from unnest(:mitra_ids::uuid [], :channels::text []) as o (mitra_id, channel)
on conflict (pairing_id, mitra_id) do update
set channel = excluded.channel, offered_at = excluded.offered_at, fate = null, decided_at = null

-- name: settle_offer!
update pairing_offers set fate = :fate, decided_at = :at
where pairing_id = :pairing_id and mitra_id = :mitra_id and fate is null

-- name: settle_open_offers!
update pairing_offers set fate = :fate, decided_at = :at
where pairing_id = :pairing_id and fate is null

-- name: close_pairing$
-- The end of a search, once, and only by its owner.
update pairings
set status = :status, cause_tag = :cause_tag, is_terminal = :is_terminal,
    session_id = :session_id, closed_at = :at
where id = :id and epoch = :epoch and status = 'searching'
returning id

-- name: cancel_pairing$
-- The customer gives up: the search, or the wait for a retry after it failed.
update pairings
set status = 'cancelled', cause_tag = 'customer_cancelled', is_terminal = true,
    closed_at = coalesce(closed_at, :at)
where id = :id and epoch = :epoch and status in ('searching', 'failed')
returning id

-- name: lock_mitra^
-- Holds off any other decision about this mitra's slots until the transaction ends.
select is_active, capacity_override from mitras where id = :mitra_id for update

-- name: slots_in_use$
select count(*) from chat_sessions
where mitra_id = :mitra_id and status in ('active', 'expired')

-- name: open_session!
insert into chat_sessions (
    id, customer_id, mitra_id, payment_request_id, status, topics, sensitivity,
    duration_minutes, is_free_trial, started_at, ends_at
) values (
    :id, :customer_id, :mitra_id, :payment_request_id, 'active', :topics, :sensitivity,
    :duration_minutes, :is_free_trial, :at, :ends_at
)

-- name: log_started!
insert into session_events (session_id, event, actor_type, actor_id, at)
values (:session_id, 'started', 'mitra', :mitra_id, :at)

-- name: searching
select id from pairings where status = 'searching'

-- name: latest_of_payment$
select id from pairings where payment_request_id = :payment_request_id
order by started_at desc, id desc
limit 1

-- name: running_of_customer$
select id from pairings where customer_id = :customer_id and status = 'searching'

-- name: never_searched
-- Of these payments, those for which no search ever began and one may begin now.
select r.id from payment_requests r
where r.id = any(:payment_request_ids::uuid [])
    and not exists (select 1 from pairings p where p.payment_request_id = r.id)
    and not exists (
        select 1 from pairings p
        where p.customer_id = r.customer_id and p.status = 'searching'
    )
    and not exists (
        select 1 from chat_sessions s
        where s.customer_id = r.customer_id and s.status in ('active', 'expired')
    )

-- name: latest_of_payments
-- The latest search of each of these payments.
select distinct on (p.payment_request_id)
    p.id, p.payment_request_id, p.request_type, p.status, p.cause_tag,
    p.is_terminal, p.expires_at, p.session_id,
    (select count(*) from pairing_offers o where o.pairing_id = p.id) as mitras_notified
from pairings p
where p.payment_request_id = any(:payment_request_ids::uuid [])
order by p.payment_request_id, p.started_at desc, p.id desc

-- name: live_searches
select payment_request_id from pairings
where status = 'searching' and payment_request_id = any(:payment_request_ids::uuid [])

-- name: latest_search$
select id from pairings where status = 'searching' order by started_at desc, id desc limit 1
