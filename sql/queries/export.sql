-- What a customer is told that the house holds about them, beside the account itself.

-- name: payments_about
select
    id, tier_id, amount, duration_minutes, is_free_trial, is_extension, status, session_id,
    targeted_mitra_id, topics, sensitivity, created_at, confirmed_at, consumed_at
from payment_requests
where customer_id = :customer_id
order by id

-- name: money_about
select id, payment_request_id, kind, amount, session_id, at from customer_transactions
where customer_id = :customer_id
order by at, id

-- name: searches_about
select id, payment_request_id, request_type, status, cause_tag, started_at, closed_at, session_id
from pairings
where customer_id = :customer_id
order by id

-- name: sessions_about
select
    s.id, m.display_name as mitra, s.status, s.topics, s.sensitivity, s.duration_minutes,
    s.started_at, s.ended_at, s.completion_reason, r.stars, r.comment
from chat_sessions s
join mitras m on m.id = s.mitra_id
left join session_ratings r on r.session_id = s.id
where s.customer_id = :customer_id
order by s.id

-- name: messages_about
select
    t.session_id, t.seq, t.sender_type, t.content, t.created_at
from chat_messages t
join chat_sessions s on s.id = t.session_id
where s.customer_id = :customer_id
order by t.session_id, t.seq

-- name: closing_about
select c.session_id, c.sender_type, c.content, c.at
from closing_messages c
join chat_sessions s on s.id = c.session_id
where s.customer_id = :customer_id and c.content is not null
order by c.session_id, c.at

-- name: pushes_about
select type, session_id, payment_request_id, created_at, status from pushes
where user_id = :customer_id
order by id
