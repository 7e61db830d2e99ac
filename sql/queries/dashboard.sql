-- The figures of the control center's first page. Each reads the newest end of one index.

-- name: active_mitras$
select count(*) from mitras where is_active;

-- name: unfinished_sessions
select status, count(*) as count
from chat_sessions
where status <> 'completed'
group by status;

-- name: completed_sessions$
-- Those that ended since then. One that began before `:begun` has ended before then.
select count(*)
from chat_sessions
where status = 'completed' and started_at >= :begun and ended_at >= :since;

-- name: sessions_per_hour
select date_trunc('hour', started_at, 'UTC') as hour, count(*) as count
from chat_sessions
where started_at >= :since
group by 1;

-- name: open_searches$
select count(*) from pairings where status = 'searching';

-- name: closed_searches^
-- A search lasts an hour at the most.
select
    count(*) filter (where status = 'paired') as paired,
    count(*) filter (where status = 'failed') as failed,
    percentile_cont(0.5) within group (
        order by extract(epoch from closed_at - started_at)
    ) filter (where status = 'paired') as median_seconds
from pairings
where started_at >= cast(:since as timestamptz) - interval '1 hour' and closed_at >= :since;

-- name: seconds_to_pair_per_hour
select
    date_trunc('hour', closed_at, 'UTC') as hour,
    percentile_cont(0.5) within group (
        order by extract(epoch from closed_at - started_at)
    ) as median_seconds
from pairings
where
    status = 'paired'
    and started_at >= cast(:since as timestamptz) - interval '1 hour'
    and closed_at >= :since
group by 1;

-- name: confirmed_payments^
select count(*) as count, coalesce(sum(amount), 0)::bigint as amount
from payment_requests
where confirmed_at >= :since;

-- name: failures_by_cause
select cause_tag, count(*) as count
from failed_pairings
where created_at >= :since
group by cause_tag;
