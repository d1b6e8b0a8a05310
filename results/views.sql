-- What people ask of the database. Recreated each time the database is opened for writing.

-- latest_run: the newest good run of each experiment, of each task's newest version.
CREATE OR REPLACE VIEW latest_run AS
SELECT run.*, environment.machine, environment.commit_id
FROM run JOIN environment USING (environment_id)
WHERE status = 'ok'
QUALIFY row_number() OVER (PARTITION BY experiment_id ORDER BY finished DESC, run_id) = 1
    AND task_version = max(task_version) OVER (PARTITION BY task);

-- failure: experiments whose newest run failed, with the reason.
CREATE OR REPLACE VIEW failure AS
SELECT * FROM (
  SELECT run_id, experiment_id, task, task_version, tier, params, backend, device, precision, seed, status, reason,
         traceback, finished, command
  FROM run
  QUALIFY row_number() OVER (PARTITION BY experiment_id ORDER BY finished DESC, run_id) = 1
) WHERE status NOT IN ('ok', 'not_applicable');

-- agreement: for each latest run, how many runs of the same experiment on other backends or devices it agrees with.
-- status: agrees (with at least half of the others), disagrees, or unchecked (there is no other).
CREATE OR REPLACE VIEW agreement AS
WITH pair AS (
  SELECT a.run_id, b.run_id AS other_id
  FROM latest_run a JOIN latest_run b
    ON a.task = b.task AND a.task_version = b.task_version AND a.params = b.params AND a.precision = b.precision
   AND a.seed = b.seed AND a.dataset_sha256 IS NOT DISTINCT FROM b.dataset_sha256
   AND (a.backend, a.device) <> (b.backend, b.device)
), differing_metric AS (
  SELECT p.run_id, p.other_id, string_agg(m.name, ', ' ORDER BY m.name) AS names
  FROM pair p JOIN metric m ON m.run_id = p.run_id JOIN metric n ON n.run_id = p.other_id AND n.name = m.name
  WHERE m.tolerance IS NOT NULL AND abs(m.value - n.value) > m.tolerance
  GROUP BY ALL
), curve_share AS (
  SELECT p.run_id, p.other_id, c.name,
         count(*) FILTER (d.x = c.x AND abs(d.y - c.y) <= c.tolerance) / count(*) AS agreeing, any_value(c.share) AS share
  FROM pair p JOIN curve c ON c.run_id = p.run_id
    LEFT JOIN curve d ON d.run_id = p.other_id AND d.name = c.name AND d.point = c.point
  WHERE c.share IS NOT NULL
  GROUP BY ALL
), differing_curve AS (
  SELECT run_id, other_id, string_agg(name, ', ' ORDER BY name) AS names
  FROM curve_share WHERE agreeing < share GROUP BY ALL
), judged AS (
  SELECT p.run_id, m.names IS NULL AND c.names IS NULL AS agrees, concat_ws(', ', m.names, c.names) AS names
  FROM pair p LEFT JOIN differing_metric m USING (run_id, other_id) LEFT JOIN differing_curve c USING (run_id, other_id)
)
SELECT r.task, r.params, r.precision, r.seed, r.backend, r.device, r.run_id,
       count(j.run_id) AS others,
       count(*) FILTER (j.agrees) AS agreeing,
       CASE WHEN count(j.run_id) = 0 THEN 'unchecked'
            WHEN count(*) FILTER (j.agrees) * 2 >= count(j.run_id) THEN 'agrees'
            ELSE 'disagrees' END AS status,
       coalesce(string_agg(DISTINCT j.names, '; ') FILTER (NOT j.agrees), '') AS differs_in
FROM latest_run r LEFT JOIN judged j USING (run_id)
GROUP BY r.task, r.params, r.precision, r.seed, r.backend, r.device, r.run_id;

-- leaderboard: seconds of each stage by backend, ranked within one machine; runs that disagree are left out.
-- low, high: an interval of about 95 % for the median (order statistics; equal to it when there is one sample).
-- rank: one more than the number of entries that are surely faster, so overlapping intervals share a rank.
CREATE OR REPLACE VIEW leaderboard AS
WITH sample AS (
  SELECT r.task, r.task_version, r.params, r.precision, r.machine, r.backend, r.device, a.status AS agreement, r.run_id,
         t.stage, t.seconds, t.phase
  FROM latest_run r JOIN agreement a USING (run_id) JOIN timing t USING (run_id)
  WHERE a.status <> 'disagrees'
  -- Steady samples where there are any; a stage that takes long has its first one only.
  QUALIFY t.phase = 'steady' OR NOT bool_or(t.phase = 'steady') OVER (PARTITION BY r.run_id, t.stage)
), entry AS (
  SELECT task, task_version, params, precision, machine, stage, backend, device,
         count(*) AS samples, median(seconds) AS seconds, list_sort(list(seconds)) AS sorted,
         bool_or(phase = 'first') AS includes_compilation,
         CASE WHEN bool_or(agreement = 'unchecked') THEN 'unchecked' ELSE 'agrees' END AS agreement
  FROM sample GROUP BY ALL
), bounded AS (
  SELECT * EXCLUDE (sorted),
         sorted[greatest(1, floor(samples / 2 - 0.98 * sqrt(samples))::INTEGER)] AS low,
         sorted[least(samples, ceil(samples / 2 + 1 + 0.98 * sqrt(samples))::INTEGER)] AS high
  FROM entry
), metrics AS (
  SELECT r.task, r.task_version, r.params, r.precision, r.machine, r.backend, r.device,
         max(m.value) FILTER (m.name = 'peak_memory') AS peak_memory,
         max(m.value) FILTER (m.name = 'gram_error') AS gram_error
  FROM latest_run r JOIN metric m USING (run_id) GROUP BY ALL
)
SELECT b.task, b.params, b.precision, b.machine, b.device, b.stage,
       1 + (SELECT count(*) FROM bounded o
            WHERE (o.task, o.params, o.precision, o.machine, o.stage) = (b.task, b.params, b.precision, b.machine, b.stage)
              AND o.high < b.low) AS rank,
       b.backend, b.seconds, b.low, b.high, b.samples, b.includes_compilation, b.agreement,
       m.gram_error, m.peak_memory
FROM bounded b LEFT JOIN metrics m USING (task, task_version, params, precision, machine, backend, device)
ORDER BY b.task, b.params, b.machine, b.stage, rank, b.seconds;

-- verdict: each claim against what was measured, for each backend, device and precision that ran it.
-- low, high: 95 % interval; Student's over seeds, or from the run's own standard error when there is one seed.
-- verdict: reproduced (the interval lies within the tolerance), not reproduced (it lies outside), inconclusive
-- (neither, or fewer seeds than the claim needs), not run.
CREATE OR REPLACE VIEW verdict AS
WITH student (freedom, quantile) AS (
  VALUES (1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (6, 2.4469), (7, 2.3646), (8, 2.3060),
         (9, 2.2622), (10, 2.2281), (11, 2.2010), (12, 2.1788), (13, 2.1604), (14, 2.1448), (15, 2.1314), (16, 2.1199),
         (17, 2.1098), (18, 2.1009), (19, 2.0930), (20, 2.0860), (25, 2.0595), (30, 2.0423), (40, 2.0211), (60, 2.0003)
), newest AS (
  SELECT * FROM claim
  WHERE task_version = (SELECT max(c.task_version) FROM claim c WHERE c.task = claim.task)
  QUALIFY row_number() OVER (PARTITION BY task, name ORDER BY declared DESC) = 1
), matching AS (
  SELECT c.task, c.name, r.backend, r.device, r.precision, r.run_id, m.value, m.stderr,
         abs(m.value - c.value) AS distance
  FROM newest c
    JOIN latest_run r ON r.task = c.task AND r.task_version = c.task_version AND json_contains(r.params, c.params)
    JOIN metric m ON m.run_id = r.run_id AND m.name = c.metric
), measured AS (
  SELECT task, name, backend, device, precision, count(*) AS runs, avg(value) AS mean,
         arg_max(value, distance) AS worst, stddev_samp(value) AS spread, any_value(stderr) AS stderr
  FROM matching GROUP BY ALL
), bounded AS (
  SELECT m.*, CASE
      WHEN runs > 1 THEN spread / sqrt(runs) * (SELECT min(quantile) FROM student WHERE freedom <= runs - 1)
      ELSE 1.96 * coalesce(stderr, 0) END AS half
  FROM measured m
), compared AS (
  SELECT c.*, b.backend, b.device, b.precision, coalesce(b.runs, 0) AS runs,
         CASE c.over WHEN 'worst' THEN b.worst ELSE b.mean END AS measured,
         CASE c.over WHEN 'worst' THEN b.worst ELSE b.mean - b.half END AS low,
         CASE c.over WHEN 'worst' THEN b.worst ELSE b.mean + b.half END AS high
  FROM newest c LEFT JOIN bounded b USING (task, name)
)
SELECT task, name AS claim, metric, backend, device, precision, value AS published, tolerance, measured, low, high, runs,
       CASE WHEN runs = 0 THEN 'not run'
            WHEN runs < repeats THEN 'inconclusive'
            WHEN low >= value - tolerance AND high <= value + tolerance THEN 'reproduced'
            WHEN high < value - tolerance OR low > value + tolerance THEN 'not reproduced'
            ELSE 'inconclusive' END AS verdict,
       verified, source, params
FROM compared
ORDER BY task, runs = 0, claim, backend;
