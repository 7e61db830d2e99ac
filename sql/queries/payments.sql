-- Purchases. The order of locks is everywhere: customer, payment request, then pairing,
-- session and failed-pairing rows.

-- name: lock_customer^
-- Weaker than `for update`, so that other tables' references to the customer do not wait.
select id, is_anonymous
from customers
where id = :customer_id
for no key update;

-- name: find_payment^
select *
from payment_requests
where id = :id;

-- name: lock_payment^
select *
from payment_requests
where id = :id
for update;

-- name: lock_pending_payment^
-- The one live purchase of this purpose.
select *
from payment_requests
where
    customer_id = :customer_id
    and session_id is not distinct from :session_id
    and status = 'pending'
for update;

-- name: lock_open_payments
-- What is not settled of one customer, who is going.
select *
from payment_requests
where customer_id = :customer_id and status in ('pending', 'confirmed')
order by id
for update;

-- name: payments_of_customer
select *
from payment_requests
where
    customer_id = :customer_id
    and (cast(:status as text) is null or status = :status)
    and (cast(:before as uuid) is null or id < :before)
order by id desc
limit :limit;

-- name: latest_pending_payment$
select id
from payment_requests
where
    status = 'pending'
    and (cast(:customer_id as uuid) is null or customer_id = :customer_id)
order by id desc
limit 1;

-- name: has_transactions$
-- Only what was confirmed counts, the trial included.
select
    exists(
        select from payment_requests
        where customer_id = :customer_id and confirmed_at is not null
    );

-- name: sessions_bought$
select count(*)
from payment_requests
where customer_id = :customer_id and status = 'consumed' and not is_extension;

-- name: mitra_exists$
select exists(select from mitras where id = :mitra_id);

-- name: add_payment^
insert into payment_requests (
    id, customer_id, status, amount, duration_minutes, tier_id, is_free_trial, is_extension,
    session_id, targeted_mitra_id, topics, sensitivity, created_at, expires_at
)
values (
    :id, :customer_id, 'pending', :amount, :duration_minutes, :tier_id, :is_free_trial,
    :is_extension, :session_id, :targeted_mitra_id, :topics, :sensitivity, :at, :expires_at
)
returning *;

-- name: confirm_payment^
update payment_requests
set status = 'confirmed', confirmed_at = :at, paid_id = :paid_id
where id = :id
returning *;

-- name: consume_payment^
update payment_requests
set status = 'consumed', consumed_at = :at, ended_at = :at, session_id = :session_id
where id = :id
returning *;

-- name: end_payment^
-- Abandoned, expired or failed. Money that comes after the end becomes its money if it had none.
update payment_requests
set
    status = :status,
    ended_at = coalesce(ended_at, :at),
    paid_id = coalesce(paid_id, :paid_id)
where id = :id
returning *;

-- name: expire_stale_payments
-- Two nodes that sweep at once share the rows out among them.
update payment_requests
set status = 'expired', ended_at = :at
where
    id in (
        select id
        from payment_requests
        where status = 'pending' and expires_at <= :at
        order by id
        limit 500
        for update skip locked
    )
returning *;

-- name: lock_overdue_payments
select *
from payment_requests
where status = 'confirmed' and expires_at <= :at
order by id
limit 500
for update skip locked;

-- name: waiting_payments
-- Confirmed and usable; whether a search ever began is the pairing's to say.
select *
from payment_requests
where
    status = 'confirmed'
    and not is_extension
    and expires_at > :at
    and confirmed_at <= :confirmed_before
order by id
limit 500;

-- name: keep_invoice$
-- The first invoice stays. No row: the request has one, or has ended.
update payment_requests
set xendit_invoice_id = :invoice_id, xendit_invoice_url = :invoice_url
where id = :id and status = 'pending' and xendit_invoice_id is null
returning id;

-- name: note_invoice_outcome!
update payment_requests
set xendit_outcome = :outcome
where id = :id and xendit_invoice_id = :invoice_id;

-- name: claim_invoices_to_ask
-- Oldest question first; also of requests that have ended, until the provider's last word.
update payment_requests
set xendit_asked_at = :at
where
    id in (
        select id
        from payment_requests
        where
            xendit_invoice_id is not null
            and xendit_outcome is null
            and (xendit_asked_at is null or xendit_asked_at <= :asked_before)
            and created_at > :created_after
        order by xendit_asked_at nulls first, id
        limit 50
        for update skip locked
    )
returning *;

-- name: invoices_to_close
-- Cancelled while the provider was away.
select *
from payment_requests
where
    status = 'abandoned'
    and xendit_invoice_id is not null
    and xendit_outcome is null
    and expires_at > :at
order by id
limit 50;

-- name: receipt_is_known$
select exists(select from customer_transactions where receipt = :receipt);

-- name: add_money!
insert into customer_transactions (
    id, customer_id, payment_request_id, kind, amount, receipt, at
)
values (:id, :customer_id, :payment_request_id, 'paid', :amount, :receipt, :at);

-- name: add_outcome!
-- Once per money; a second outcome breaks the unique key and with it the transaction.
insert into customer_transactions (
    id, customer_id, payment_request_id, kind, amount, paid_id, session_id, by_operator, at
)
select
    cast(:id as uuid), customer_id, payment_request_id, cast(:kind as text), amount, id,
    cast(:session_id as uuid), cast(:by_operator as uuid), cast(:at as timestamptz)
from customer_transactions
where id = :paid_id;

-- name: add_failure!
-- Told twice for one search, it is written once.
insert into failed_pairings (
    id, payment_request_id, customer_id, pairing_id, targeted_mitra_id, cause_tag,
    is_terminal, amount, paid_id, created_at
)
values (
    :id, :payment_request_id, :customer_id, :pairing_id, :targeted_mitra_id, :cause_tag,
    :is_terminal, :amount, :paid_id, :at
)
on conflict (pairing_id, cause_tag) do nothing;

-- name: claim_key^
-- The claim, if the key is new, or its first holder is known to have died.
insert into idempotency_keys (
    customer_id, key, fingerprint, request_id, created_at, claimed_until
)
values (:customer_id, :key, :fingerprint, :request_id, :at, :claimed_until)
on conflict (customer_id, key) do update
set
    claimed_until = excluded.claimed_until,
    -- Past its day the key is as good as new.
    fingerprint = case
        when idempotency_keys.created_at <= :forget_before
            then excluded.fingerprint
        else idempotency_keys.fingerprint
    end,
    request_id = case
        when idempotency_keys.created_at <= :forget_before
            then excluded.request_id
        else idempotency_keys.request_id
    end,
    created_at = case
        when idempotency_keys.created_at <= :forget_before
            then excluded.created_at
        else idempotency_keys.created_at
    end,
    status = null,
    answer = null
where
    idempotency_keys.created_at <= :forget_before
    or (
        idempotency_keys.answer is null
        and idempotency_keys.claimed_until <= :at
        and idempotency_keys.fingerprint = excluded.fingerprint
    )
returning request_id;

-- name: kept_answer^
select fingerprint, status, answer
from idempotency_keys
where customer_id = :customer_id and key = :key;

-- name: keep_answer!
update idempotency_keys
set status = :status, answer = :answer
where customer_id = :customer_id and key = :key and request_id = :request_id;

-- name: give_claim_back!
delete from idempotency_keys
where
    customer_id = :customer_id and key = :key and request_id = :request_id and answer is null;

-- name: forget_old_keys!
delete from idempotency_keys
where created_at <= :forget_before;

-- name: allow_ledger_erasure!
-- For the rest of the transaction. Only the test route that removes a customer asks for it.
select set_config('halobestie.erase_ledger', 'on', true);

-- name: erase_failures!
delete from failed_pairings
where customer_id = :customer_id;

-- name: erase_outcomes!
delete from customer_transactions
where customer_id = :customer_id and paid_id is not null;

-- name: erase_money!
delete from customer_transactions
where customer_id = :customer_id;

-- name: erase_keys!
delete from idempotency_keys
where customer_id = :customer_id;

-- name: erase_payments!
delete from payment_requests
where customer_id = :customer_id;
