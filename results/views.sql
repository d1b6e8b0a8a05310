-- What people ask of the database. Made anew each time a command prepares to write, so that an older file gets newer
-- views. The columns of each view are listed above it, with their units; "1" is a pure number.

-- claims_seen: every time that a set of claims was seen, by `ntkbench run` or in a run.
--   task, task_version, claims_id: see the table claim;  seen: when, UTC
CREATE OR REPLACE VIEW claims_seen AS
SELECT task, task_version, claims_id, declared AS seen FROM declaration
UNION ALL
SELECT task, task_version, claims_id, finished FROM run;

-- present: each task's newest version, and the claims that it was last seen with.
--   task, task_version, claims_id: see the table claim
CREATE OR REPLACE VIEW present AS
SELECT task, task_version, claims_id FROM claims_seen
QUALIFY row_number() OVER (PARTITION BY task ORDER BY task_version DESC, seen DESC, claims_id) = 1;

-- latest_on_machine: the newest good run of each experiment on each machine, of each task's newest version.
--   the columns of the table run;  machine, commit_id: see the table environment
CREATE OR REPLACE VIEW latest_on_machine AS
SELECT run.*, environment.machine, environment.commit_id
FROM run JOIN environment USING (environment_id) JOIN present USING (task, task_version)
WHERE status = 'ok'
QUALIFY row_number() OVER (PARTITION BY experiment_id, machine ORDER BY finished DESC, run_id) = 1;

-- latest_run: the newest good run of each experiment, of each task's newest version.
--   the columns of latest_on_machine
CREATE OR REPLACE VIEW latest_run AS
SELECT * FROM latest_on_machine
QUALIFY row_number() OVER (PARTITION BY experiment_id ORDER BY finished DESC, run_id) = 1;

-- failure: experiments of each task's newest version whose newest run failed, with the reason.
--   the columns of the table run that have these names
CREATE OR REPLACE VIEW failure AS
SELECT * FROM (
  SELECT run_id, experiment_id, task, task_version, tier, params, backend, device, precision, seed, status, reason,
         traceback, finished, command
  FROM run JOIN present USING (task, task_version)
  QUALIFY row_number() OVER (PARTITION BY experiment_id ORDER BY finished DESC, run_id) = 1
) WHERE status NOT IN ('ok', 'not_applicable');

-- agreement: each run of latest_on_machine against the latest runs of the same on other backends and devices.
--   task, params, precision, seed, backend, device, run_id, machine: see latest_on_machine
--   others      how many runs it was compared with, 1
--   agreeing    how many of them it agrees with in every metric and curve that has a tolerance or a share, 1
--   status      agrees (with at least half of the others), disagrees, or unchecked (there is no other)
--   differs_in  the metrics and curves in which it differs from any; '' when none
CREATE OR REPLACE VIEW agreement AS
WITH pair AS (
  SELECT a.run_id, b.run_id AS other_id
  FROM latest_on_machine a JOIN latest_run b
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
SELECT r.task, r.params, r.precision, r.seed, r.backend, r.device, r.run_id, r.machine,
       count(j.run_id) AS others,
       count(*) FILTER (j.agrees) AS agreeing,
       CASE WHEN count(j.run_id) = 0 THEN 'unchecked'
            WHEN count(*) FILTER (j.agrees) * 2 >= count(j.run_id) THEN 'agrees'
            ELSE 'disagrees' END AS status,
       coalesce(string_agg(DISTINCT j.names, '; ') FILTER (NOT j.agrees), '') AS differs_in
FROM latest_on_machine r LEFT JOIN judged j USING (run_id)
GROUP BY r.task, r.params, r.precision, r.seed, r.backend, r.device, r.run_id, r.machine;

-- stage_time: what one stage of one run took.
--   run_id, stage: see the table timing
--   first    its first call, compilation and warming up included, s
--   steady   median of the calls after it, s; NULL: it took so long that it was called once
--   seconds  steady, or first where there is no other, s
CREATE OR REPLACE VIEW stage_time AS
SELECT run_id, stage,
       median(seconds) FILTER (phase = 'first') AS first,
       median(seconds) FILTER (phase = 'steady') AS steady,
       coalesce(steady, first) AS seconds
FROM timing GROUP BY run_id, stage;

-- leaderboard: how long each stage takes by backend, ranked within one machine; runs that disagree are left out.
--   task, params, precision, machine, device, stage, backend: see latest_on_machine and timing
--   rank        one more than the number of entries of the same machine, task, parameters, precision and stage that are
--               surely faster (their interval ends before this one begins): overlapping intervals share a rank
--   seconds     median of the steady calls of all seeds, s; of the first calls where there are no others
--   low, high   interval of about 95 % for that median, s (order statistics; equal to it when there is one sample)
--   samples     calls that `seconds` is the median of, 1
--   first_seconds    the longest first call, s
--   compile_seconds  how much longer than its run's steady median a first call took, at most, s; NULL: there is no steady
--   includes_compilation  whether `seconds` has a first call in it
--   agreement   agrees or unchecked: see the view agreement
--   gram_error  largest relative error of the kernel against float64, 1; NULL: not recorded
--   peak_memory largest peak memory of its runs, B; NULL: not recorded
CREATE OR REPLACE VIEW leaderboard AS
WITH counted AS (
  SELECT r.task, r.task_version, r.params, r.precision, r.machine, r.backend, r.device, r.run_id, a.status AS agreement
  FROM latest_on_machine r JOIN agreement a USING (run_id) WHERE a.status <> 'disagrees'
), sample AS (
  SELECT c.*, t.stage, t.seconds, t.phase, s.first, s.steady
  FROM counted c JOIN timing t USING (run_id) JOIN stage_time s USING (run_id, stage)
  -- Steady samples where there are any; a stage that takes long has its first one only.
  WHERE t.phase = 'steady' OR s.steady IS NULL
), entry AS (
  SELECT task, task_version, params, precision, machine, stage, backend, device,
         count(*) AS samples, median(seconds) AS seconds, list_sort(list(seconds)) AS sorted,
         max(first) AS first_seconds,
         max(greatest(first - steady, 0)) FILTER (steady IS NOT NULL) AS compile_seconds,
         bool_or(phase = 'first') AS includes_compilation,
         CASE WHEN bool_or(agreement = 'unchecked') THEN 'unchecked' ELSE 'agrees' END AS agreement
  FROM sample GROUP BY task, task_version, params, precision, machine, stage, backend, device
), bounded AS (
  SELECT * EXCLUDE (sorted, below),
         sorted[below] AS low, sorted[samples + 1 - below] AS high
  FROM (SELECT *, greatest(1, floor((samples + 1) / 2 - 0.98 * sqrt(samples))::INTEGER) AS below FROM entry)
), metrics AS (
  SELECT c.task, c.task_version, c.params, c.precision, c.machine, c.backend, c.device,
         max(m.value) FILTER (m.name = 'peak_memory') AS peak_memory,
         max(m.value) FILTER (m.name = 'gram_error') AS gram_error
  FROM counted c JOIN metric m USING (run_id) GROUP BY ALL
)
SELECT b.task, b.params, b.precision, b.machine, b.device, b.stage,
       1 + (SELECT count(*) FROM bounded o
            WHERE (o.task, o.params, o.precision, o.machine, o.stage) = (b.task, b.params, b.precision, b.machine, b.stage)
              AND o.high < b.low) AS rank,
       b.backend, b.seconds, b.low, b.high, b.samples, b.first_seconds, b.compile_seconds, b.includes_compilation,
       b.agreement, m.gram_error, m.peak_memory
FROM bounded b LEFT JOIN metrics m USING (task, task_version, params, precision, machine, backend, device)
ORDER BY b.task, b.params, b.machine, b.stage, rank, b.seconds;

-- verdict: each present claim against what was measured, for each backend, device and precision that ran it.
--   task, claim, metric   what is claimed, by which task, of which metric
--   unit        the metric's unit; NULL: not run
--   backend, device, precision  what it was measured on; NULL: not run
--   published   the claimed value, in the metric's unit
--   tolerance   how far off still counts, in the metric's unit
--   measured    mean over the runs, or for a claim about every run the one farthest from it, in the metric's unit
--   low, high   95 % interval of `measured`, in the metric's unit: Student's over the runs; from the run's own standard
--               error when there is one; `measured` itself for a claim about every run
--   runs, seeds how many runs and how many different seeds, 1
--   verdict     reproduced (the interval lies within the tolerance), not reproduced (it lies outside), inconclusive
--               (it straddles the tolerance, or there are fewer seeds than the claim needs), not run
--   seconds     what one of its runs takes, all stages, steady calls where there are any: mean over the runs, s
--   verified    whether the claim was read in its source, or is exact; only then does it gate
--   source      where it was published
--   params      the parameters of the runs that it is about
CREATE OR REPLACE VIEW verdict AS
WITH student (freedom, quantile) AS (
  VALUES (1, 12.7062), (2, 4.3027), (3, 3.1824), (4, 2.7764), (5, 2.5706), (6, 2.4469), (7, 2.3646), (8, 2.3060),
         (9, 2.2622), (10, 2.2281), (11, 2.2010), (12, 2.1788), (13, 2.1604), (14, 2.1448), (15, 2.1314), (16, 2.1199),
         (17, 2.1098), (18, 2.1009), (19, 2.0930), (20, 2.0860), (25, 2.0595), (30, 2.0423), (40, 2.0211), (60, 2.0003)
), stated AS (
  SELECT claim.* FROM claim JOIN present USING (task, task_version, claims_id)
), spent AS (
  SELECT run_id, sum(seconds) AS seconds FROM stage_time GROUP BY run_id
), matching AS (
  SELECT c.task, c.name, r.backend, r.device, r.precision, r.seed, m.value, m.unit, m.stderr, s.seconds,
         -- How far off on the wrong side; negative on the right one.
         CASE c.side WHEN 'at least' THEN c.value - m.value WHEN 'at most' THEN m.value - c.value
              ELSE abs(m.value - c.value) END AS distance
  FROM stated c
    JOIN latest_run r ON r.task = c.task AND json_contains(r.params, c.params)
    JOIN metric m ON m.run_id = r.run_id AND m.name = c.metric
    LEFT JOIN spent s ON s.run_id = r.run_id
), measured AS (
  SELECT task, name, backend, device, precision, count(*) AS runs, count(DISTINCT seed) AS seeds, avg(value) AS mean,
         arg_max(value, distance) AS worst, stddev_samp(value) AS spread, any_value(stderr) AS stderr,
         avg(seconds) AS seconds, any_value(unit) AS unit
  FROM matching GROUP BY task, name, backend, device, precision
), bounded AS (
  SELECT m.*, CASE
      WHEN runs > 1 THEN spread / sqrt(runs) * (SELECT min(quantile) FROM student WHERE freedom <= runs - 1)
      ELSE 1.96 * coalesce(stderr, 0) END AS half
  FROM measured m
), compared AS (
  SELECT c.*, b.backend, b.device, b.precision, b.unit, b.seconds, coalesce(b.runs, 0) AS runs,
         coalesce(b.seeds, 0) AS seeds,
         CASE c.over WHEN 'worst' THEN b.worst ELSE b.mean END AS measured,
         CASE c.over WHEN 'worst' THEN b.worst ELSE b.mean - b.half END AS low,
         CASE c.over WHEN 'worst' THEN b.worst ELSE b.mean + b.half END AS high
  FROM stated c LEFT JOIN bounded b USING (task, name)
)
SELECT task, name AS claim, metric, unit, backend, device, precision, value AS published, tolerance, side, measured,
       low, high, runs, seeds,
       CASE WHEN runs = 0 THEN 'not run'
            WHEN seeds < repeats THEN 'inconclusive'
            WHEN (side = 'at most' OR low >= value - tolerance) AND (side = 'at least' OR high <= value + tolerance)
              THEN 'reproduced'
            WHEN side <> 'at most' AND high < value - tolerance OR side <> 'at least' AND low > value + tolerance
              THEN 'not reproduced'
            ELSE 'inconclusive' END AS verdict,
       seconds, verified, source, params
FROM compared
ORDER BY task, runs = 0, claim, backend;

-- provenance: where each run comes from, whatever became of it.
--   seconds  wall clock from start to end, s;  the others: see the tables run and environment
CREATE OR REPLACE VIEW provenance AS
SELECT run_id, experiment_id, task, task_version, tier, params, backend, implementation, device, precision, seed,
       status, reason, warnings, started, finished, date_diff('millisecond', started, finished) / 1000 AS seconds,
       dataset, dataset_sha256, commit_id, environment_id, machine, command
FROM run JOIN environment USING (environment_id);

-- measurement: the metrics of each latest run.
--   run_id ... seed: see the table run;  metric: its name;  value, stderr: in `unit`;  unit, better: see the table metric
CREATE OR REPLACE VIEW measurement AS
SELECT r.run_id, r.task, r.tier, r.params, r.backend, r.device, r.precision, r.seed, m.name AS metric, m.value, m.stderr,
       m.unit, m.better
FROM latest_run r JOIN metric m USING (run_id);

-- environment_fact: one fact about one environment a row.
--   environment_id, machine, commit_id: see the table environment;  runs: how many runs were made in it, 1;  fact: its
--   name;  value: a text
CREATE OR REPLACE VIEW environment_fact AS
SELECT environment_id, machine, commit_id, runs, entry.key AS fact, entry.value AS value
FROM (
  SELECT e.environment_id, e.machine, e.commit_id, unnest(map_entries(e.facts)) AS entry,
         (SELECT count(*) FROM run WHERE run.environment_id = e.environment_id) AS runs
  FROM environment e
);
