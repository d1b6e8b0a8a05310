-- Who is fastest at each stage, and who comes after? Backends, peers and guests, ranked within one machine.
SELECT task, params, precision, machine, stage, rank, backend AS entry, kind, device, seconds, low, high, samples,
       agreement, gram_error, peak_memory
FROM leaderboard
ORDER BY task, params::VARCHAR, precision, machine, stage, rank, seconds, entry, device;
