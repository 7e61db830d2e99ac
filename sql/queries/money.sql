-- What operators see of the money.

-- name: lock_failure^
select *
from failed_pairings
where id = :id
for update;

-- name: failure_request$
-- Read without a lock, so that the payment row can be locked first.
select payment_request_id
from failed_pairings
where id = :id;

-- name: action_failures!
-- One decision settles all that was ever written down for the same money.
update failed_pairings
set operator_action = :action, actioned_by = :by_operator, actioned_at = :at
where paid_id = :paid_id and operator_action is null;

-- name: action_failure!
update failed_pairings
set operator_action = :action, actioned_by = :by_operator, actioned_at = :at
where id = :id;

-- name: failures
select
    f.*,
    c.display_name as customer_name,
    m.display_name as mitra_name,
    u.display_name as operator_name
from failed_pairings as f
inner join customers as c on f.customer_id = c.id
left join mitras as m on f.targeted_mitra_id = m.id
left join cc_users as u on f.actioned_by = u.id
where
    (cast(:id as uuid) is null or f.id = :id)
    and (cast(:cause_tags as text []) is null or f.cause_tag = any(:cause_tags))
    and (cast(:date_from as timestamptz) is null or f.created_at >= :date_from)
    and (cast(:date_to as timestamptz) is null or f.created_at < :date_to)
    and (not cast(:unactioned as boolean) or f.operator_action is null)
order by f.created_at desc, f.id desc
limit :limit offset :offset;

-- name: count_failures$
select count(*)
from failed_pairings as f
where
    (cast(:cause_tags as text []) is null or f.cause_tag = any(:cause_tags))
    and (cast(:date_from as timestamptz) is null or f.created_at >= :date_from)
    and (cast(:date_to as timestamptz) is null or f.created_at < :date_to)
    and (not cast(:unactioned as boolean) or f.operator_action is null);

-- name: payments
select p.*, c.display_name as customer_name
from payment_requests as p
inner join customers as c on p.customer_id = c.id
where cast(:status as text) is null or p.status = :status
order by p.id desc
limit :limit offset :offset;

-- name: count_payments$
select count(*)
from payment_requests
where cast(:status as text) is null or status = :status;

-- name: sums
-- Every money stands in exactly one line.
select
    coalesce(o.kind, 'open') as outcome,
    count(*) as count,
    sum(p.amount)::bigint as amount
from customer_transactions as p
left join customer_transactions as o on p.id = o.paid_id
where p.kind = 'paid'
group by 1;

-- name: without_outcome
select
    p.id as paid_id,
    p.payment_request_id,
    p.amount,
    p.at,
    r.status,
    r.customer_id,
    c.display_name as customer_name,
    f.id as failed_pairing_id,
    f.cause_tag
from customer_transactions as p
inner join payment_requests as r on p.payment_request_id = r.id
inner join customers as c on r.customer_id = c.id
left join lateral (
    select w.id, w.cause_tag
    from failed_pairings as w
    where w.paid_id = p.id
    order by w.id desc
    limit 1
) as f on true
where
    p.kind = 'paid'
    and p.at <= :paid_before
    and not exists (select from customer_transactions as o where o.paid_id = p.id)
order by p.at, p.id
limit :limit offset :offset;

-- name: count_without_outcome$
select count(*)
from customer_transactions as p
where
    p.kind = 'paid'
    and p.at <= :paid_before
    and not exists (select from customer_transactions as o where o.paid_id = p.id);

-- name: disagreements
-- Requests whose state and ledger contradict one another. There are none, ever.
select r.id, r.status, o.kind as outcome
from payment_requests as r
left join customer_transactions as p on r.paid_id = p.id and p.kind = 'paid'
left join customer_transactions as o on p.id = o.paid_id
where
    case r.status
        when 'confirmed' then p.id is null or o.id is not null
        when 'consumed' then o.kind is distinct from 'delivered'
        when 'failed_pairing' then p.id is null or o.kind = 'delivered'
        else exists (
            select from customer_transactions as t
            where t.payment_request_id = r.id
        )
    end
order by r.id
limit 100;
