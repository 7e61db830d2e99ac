-- Whether the database answers.

-- name: ping$
select 1
