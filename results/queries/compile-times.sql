-- What does compilation cost: how much longer is a stage's first call, and how many calls pay for it?
SELECT task, stage, backend, device, params, precision, machine, first_seconds, seconds AS steady_seconds,
       compile_seconds, compile_seconds / nullif(seconds, 0) AS calls_worth
FROM leaderboard
WHERE compile_seconds IS NOT NULL
ORDER BY compile_seconds DESC;
