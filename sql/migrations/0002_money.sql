-- Knobs, payment requests and the ledger.

-- What operators have changed. A knob without a row has its default.
create table app_config (
    key text primary key,
    value jsonb not null,
    updated_at timestamptz not null,
    updated_by uuid
);

create table payment_requests (
    id uuid primary key,
    customer_id uuid not null references customers (id),
    status text not null check (
        status in ('pending', 'confirmed', 'consumed', 'failed_pairing', 'abandoned', 'expired')
    ),
    amount bigint not null check (amount >= 0),
    duration_minutes integer not null check (duration_minutes > 0),
    tier_id text not null,
    is_free_trial boolean not null,
    is_extension boolean not null,
    -- An extension: the session it lengthens. Else the session it paid for, once consumed.
    session_id uuid,
    targeted_mitra_id uuid references mitras (id),
    topics text [] not null,
    sensitivity text not null check (sensitivity in ('regular', 'sensitive')),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    confirmed_at timestamptz,
    consumed_at timestamptz,
    ended_at timestamptz,
    xendit_invoice_id text,
    xendit_invoice_url text,
    -- The last word of Xendit on the invoice: nothing more is expected of it.
    xendit_outcome text,
    xendit_asked_at timestamptz,
    -- The money it stands for in the ledger. More may come later, on other invoices.
    paid_id uuid,
    check (not is_extension or session_id is not null),
    check (not is_free_trial or (amount = 0 and not is_extension)),
    check (status not in ('confirmed', 'consumed') or confirmed_at is not null),
    check ((status in ('confirmed', 'consumed', 'failed_pairing')) = (paid_id is not null)),
    check ((status = 'consumed') = (consumed_at is not null))
);

-- One live purchase per customer and purpose: the next session, or one session's extension.
create unique index payment_requests_one_pending on payment_requests (
    customer_id, coalesce(session_id, '00000000-0000-0000-0000-000000000000')
) where status = 'pending';
-- One trial per customer, however many requests race.
create unique index payment_requests_one_trial on payment_requests (customer_id)
where is_free_trial and confirmed_at is not null;
create index payment_requests_of_customer on payment_requests (customer_id, id desc);
create index payment_requests_open on payment_requests (expires_at)
where status in ('pending', 'confirmed');
create index payment_requests_asked on payment_requests (xendit_asked_at nulls first)
where xendit_invoice_id is not null and xendit_outcome is null;
create index payment_requests_confirmed on payment_requests (confirmed_at)
where confirmed_at is not null;

-- The ledger. A row with a receipt is money that came in; every other row names such
-- a row and is its outcome. Money without an outcome row is open.
create table customer_transactions (
    id uuid primary key,
    customer_id uuid not null,
    payment_request_id uuid not null references payment_requests (id),
    kind text not null check (kind in ('paid', 'delivered', 'refunded', 'credited', 'no_action')),
    amount bigint not null check (amount >= 0),
    -- What proves the money, once: 'request:<id>' or 'xendit:<invoice id>'.
    receipt text unique,
    paid_id uuid unique references customer_transactions (id),
    session_id uuid,
    by_operator uuid,
    at timestamptz not null,
    check ((kind = 'paid') = (receipt is not null)),
    check ((kind = 'paid') = (paid_id is null)),
    check ((kind in ('refunded', 'credited', 'no_action')) = (by_operator is not null))
);
create index customer_transactions_of_request on customer_transactions (payment_request_id);

-- Append only. The one way round it is named, and lasts for one transaction:
-- `set local halobestie.erase_ledger = 'on'`, by which the test route `reset-phone`
-- removes a test customer altogether.
create function refuse_ledger_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('halobestie.erase_ledger', true) = 'on' then
        return old;
    end if;
    raise exception 'customer_transactions is append-only';
end;
$$;
create trigger customer_transactions_append_only
before update or delete on customer_transactions
for each row execute function refuse_ledger_change();
create trigger customer_transactions_no_truncate
before truncate on customer_transactions
for each statement execute function refuse_ledger_change();

-- Why a paid request did not become a session, for the operators.
create table failed_pairings (
    id uuid primary key,
    payment_request_id uuid not null references payment_requests (id),
    customer_id uuid not null references customers (id),
    pairing_id uuid,
    targeted_mitra_id uuid references mitras (id),
    cause_tag text not null,
    is_terminal boolean not null,
    amount bigint not null,
    -- The money that the operator decides about.
    paid_id uuid not null references customer_transactions (id),
    operator_action text check (operator_action in ('refunded', 'credited', 'no_action')),
    actioned_by uuid,
    actioned_at timestamptz,
    created_at timestamptz not null,
    check ((operator_action is null) = (actioned_at is null))
);
create unique index failed_pairings_of_pairing on failed_pairings (pairing_id, cause_tag);
create index failed_pairings_newest on failed_pairings (created_at desc, id desc);
create index failed_pairings_of_money on failed_pairings (paid_id);
create index failed_pairings_of_request on failed_pairings (payment_request_id);

-- First answers, kept for 24 hours. No answer yet: the first request is still at it,
-- or died before `claimed_until`.
create table idempotency_keys (
    customer_id uuid not null,
    key text not null,
    fingerprint bytea not null,
    request_id uuid not null,
    created_at timestamptz not null,
    claimed_until timestamptz not null,
    status integer,
    answer bytea,
    primary key (customer_id, key)
);
create index idempotency_keys_age on idempotency_keys (created_at);
