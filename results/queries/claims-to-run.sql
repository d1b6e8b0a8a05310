-- Which claims wait for a run, or for more seeds, and what does each need?
SELECT v.task, v.claim, v.metric, v.params, v.backend, v.seeds, c.repeats AS seeds_needed, v.source
FROM verdict v
  JOIN present p USING (task)
  JOIN claim c ON c.claims_id = p.claims_id AND c.name = v.claim
WHERE v.seeds < c.repeats
ORDER BY v.task, v.claim, v.backend;
