-- What `run.py demo` holds against the memories of its apps. Read only.

-- name: sessions_of_customers
select id, customer_id, payment_request_id, status, last_seq
from chat_sessions
where customer_id = any(:customers::uuid []);

-- name: messages_of_sessions
select session_id, seq, id, sender_type, client_message_id, content
from chat_messages
where session_id = any(:sessions::uuid []);

-- name: payments_of_customers
select id, customer_id, status, is_extension, session_id, expires_at,
    confirmed_at is not null as confirmed
from payment_requests
where customer_id = any(:customers::uuid []);

-- name: failures_of_customers
select payment_request_id, cause_tag, is_terminal
from failed_pairings
where customer_id = any(:customers::uuid []);

-- name: payments_searching
select payment_request_id
from pairings
where customer_id = any(:customers::uuid []) and status = 'searching';
