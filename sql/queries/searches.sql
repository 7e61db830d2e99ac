-- Searches and offers: what others read of them.

-- name: searching
select id from pairings where status = 'searching'

-- name: unstarted
-- Confirmed payments whose search should have begun and never did.
select r.id from payment_requests r
where r.status = 'confirmed' and not r.is_extension and r.expires_at > :at
    and not exists (select 1 from pairings p where p.payment_request_id = r.id)

-- name: never_searched
-- Of these payments, those for which no search ever began, and whose customer had nothing
-- else under way when they were confirmed (else they wait until the customer uses them).
select r.id from payment_requests r
where r.id = any(:payment_request_ids::uuid [])
    and not exists (select 1 from pairings p where p.payment_request_id = r.id)
    and not exists (
        select 1 from pairings p
        where p.customer_id = r.customer_id
            and p.started_at <= r.confirmed_at
            and (p.closed_at is null or p.closed_at >= r.confirmed_at)
    )
    and not exists (
        select 1 from chat_sessions s
        where s.customer_id = r.customer_id
            and s.started_at <= r.confirmed_at
            and (s.ended_at is null or s.ended_at >= r.confirmed_at)
    )

-- name: live_searches
select payment_request_id from pairings
where status = 'searching' and payment_request_id = any(:payment_request_ids::uuid [])

-- name: latest_of_payment$
select id from pairings where payment_request_id = :payment_request_id
order by started_at desc, id desc
limit 1

-- name: latest_search$
select id from pairings where status = 'searching' order by started_at desc, id desc limit 1

-- name: running_of_customer$
select id from pairings where customer_id = :customer_id and status = 'searching'

-- name: latest_of_payments
-- The latest search of each of these payments.
select distinct on (p.payment_request_id)
    p.id, p.payment_request_id, p.request_type, p.status, p.cause_tag,
    p.is_terminal, p.expires_at, p.session_id,
    (
        select count(*) from pairing_offers o
        where o.pairing_id = p.id and o.offered_at is not null
    ) as mitras_notified
from pairings p
where p.payment_request_id = any(:payment_request_ids::uuid [])
order by p.payment_request_id, p.started_at desc, p.id desc

-- name: open_offers
-- The mitras whose answer a search waits for, first asked first.
select o.mitra_id from pairing_offers o
join pairings p on p.id = o.pairing_id
where p.id = :pairing_id and p.status = 'searching' and o.fate is null
order by o.offered_at, o.mitra_id

-- for operators

-- name: pairing_reports
-- Newest first. `total` counts what the filters let through, whatever the page.
with wanted as (
    select p.* from pairings p
    where (:status::text is null or p.status = :status)
        and (:cause_tag::text is null or p.cause_tag = :cause_tag)
        and (:request_type::text is null or p.request_type = :request_type)
        and (:customer_id::uuid is null or p.customer_id = :customer_id)
        and (
            :payment_request_id::uuid is null
            or p.payment_request_id = :payment_request_id
        )
        and (
            :mitra_id::uuid is null or exists (
                select 1 from pairing_offers o
                where o.pairing_id = p.id and o.mitra_id = :mitra_id
            )
        )
        and (:since::timestamptz is null or p.started_at >= :since)
        and (:until::timestamptz is null or p.started_at < :until)
        and (:id::uuid is null or p.id = :id)
),

page as (
    select * from wanted order by started_at desc, id desc limit :limit offset :offset
)

select
    p.id, p.payment_request_id, p.customer_id, c.display_name as customer_name,
    p.request_type, p.targeted_mitra_id, t.display_name as targeted_mitra_name,
    p.status, p.cause_tag, p.is_terminal, p.started_at, p.expires_at, p.closed_at,
    p.session_id, w.id as winner_id, w.display_name as winner_name,
    counts.*,
    (select count(*) from wanted) as total
from page p
join customers c on c.id = p.customer_id
left join mitras t on t.id = p.targeted_mitra_id
left join lateral (
    select
        count(*) filter (where o.offered_at is not null) as offered,
        count(*) filter (where o.fate = 'declined') as declined,
        count(*) filter (where o.seen_at is not null) as seen
    from pairing_offers o where o.pairing_id = p.id
) as counts on true
left join pairing_offers a on a.pairing_id = p.id and a.fate = 'accepted'
left join mitras w on w.id = a.mitra_id
order by p.started_at desc, p.id desc

-- name: offer_reports
-- Every mitra whom a search has considered, in the order of events.
select
    o.mitra_id, m.display_name, o.channel, o.offered_at, o.seen_at, o.fate, o.decided_at
from pairing_offers o
left join mitras m on m.id = o.mitra_id
where o.pairing_id = :pairing_id
order by coalesce(o.offered_at, o.decided_at), o.decided_at, o.mitra_id

-- name: not_considered
-- Active mitras of whom a search has no row: they were offline all the while, or came
-- online without a free slot. The online log tells which.
select
    m.id as mitra_id, m.display_name,
    case
        when coalesce(before.is_online, false) or exists (
            select 1 from mitra_online_log l
            where l.mitra_id = m.id and l.is_online
                and l.at > :since and l.at <= :until
        ) then 'at_capacity'
        else 'offline'
    end as reason
from mitras m
left join lateral (
    select l.is_online from mitra_online_log l
    where l.mitra_id = m.id and l.at <= :since
    order by l.at desc, l.id desc
    limit 1
) as before on true
where m.is_active and m.created_at <= :until
    and not exists (
        select 1 from pairing_offers o
        where o.pairing_id = :pairing_id and o.mitra_id = m.id
    )
order by m.display_name, m.id
limit :limit

-- name: counts_of_mitras
-- What was offered to these mitras since a moment, and how often they accepted or declined.
select
    o.mitra_id,
    count(*) as offers,
    count(*) filter (where o.fate = 'accepted') as accepts,
    count(*) filter (where o.fate = 'declined') as declines
from pairing_offers o
where o.offered_at >= :since and o.mitra_id = any(:mitra_ids::uuid [])
group by o.mitra_id
