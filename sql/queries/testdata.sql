-- What test routes make and unmake. Nothing here runs in production.

-- name: customer_of_phone$
select id from customers where phone = :phone

-- name: sessions_of
select id from chat_sessions where customer_id = :customer_id

-- name: erase_sessions!
-- With their messages, extensions, ratings and timelines.
delete from chat_sessions where customer_id = :customer_id

-- name: erase_searches!
delete from pairings where customer_id = :customer_id

-- name: erase_pushes!
delete from pushes where user_id = :customer_id

-- name: erase_sign_ins!
delete from auth_sessions where user_id = :customer_id

-- name: erase_person!
delete from customers where id = :customer_id

-- name: any_mitra_for^
-- The mitra that is named, or the first there is.
select id, display_name from mitras
where :mitra_id::uuid is null or id = :mitra_id
order by id
limit 1

-- name: add_past_payment!
insert into payment_requests (
    id, customer_id, status, amount, duration_minutes, tier_id, is_free_trial, is_extension,
    session_id, topics, sensitivity, created_at, expires_at, confirmed_at, consumed_at, paid_id
) values (
    :id, :customer_id, 'consumed', 15000, 12, 'chat_12', false, false,
    :session_id, '{}', 'regular', :began, :began, :began, :began, :paid_id
)

-- name: add_past_money!
insert into customer_transactions (
    id, customer_id, payment_request_id, kind, amount, receipt, paid_id, session_id, at
) values
(:paid_id, :customer_id, :payment_id, 'paid', 15000, 'seed:' || :paid_id::uuid, null, null, :began),
(:delivered_id, :customer_id, :payment_id, 'delivered', 15000, null, :paid_id, :session_id, :began)

-- name: add_past_session!
insert into chat_sessions (
    id, customer_id, mitra_id, payment_request_id, status, topics, sensitivity,
    duration_minutes, is_free_trial, started_at, ends_at, ended_at, ended_by,
    completion_reason, last_seq, customer_delivered_seq, customer_read_seq,
    mitra_delivered_seq, mitra_read_seq
) values (
    :id, :customer_id, :mitra_id, :payment_id, 'completed', '{}', 'regular',
    12, false, :began, :ended, :ended, 'customer', 'closed', 2, 2, 2, 2, 2
)

-- name: add_past_message!
insert into chat_messages (
    session_id, seq, id, sender_type, sender_id, client_message_id, content, created_at
) values (
    :session_id, :seq, :id, :sender_type, :sender_id, :client_message_id, :content, :at
)
