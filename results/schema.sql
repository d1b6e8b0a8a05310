-- The tables of the results database. Rows are added and never changed or removed. Times are UTC.
-- Every table but schema_version and append_only travels in an export. Units are given after the meaning; "1": a pure
-- number.

CREATE TABLE schema_version (
  version INTEGER PRIMARY KEY                -- one row: the version of these tables
);
INSERT INTO schema_version VALUES (2);

CREATE TABLE environment (
  environment_id VARCHAR PRIMARY KEY,        -- hash of the facts
  machine        VARCHAR NOT NULL,           -- hash of the hardware; speeds are compared within one machine alone
  commit_id      VARCHAR NOT NULL,           -- the checkout's commit, "+changes" when files differ; '' outside a checkout
  facts          MAP(VARCHAR, VARCHAR) NOT NULL  -- CPU, GPU, system, versions, variables, backend settings; keys sorted
);

CREATE TABLE run (
  run_id         VARCHAR PRIMARY KEY,        -- random, one for each attempt
  experiment_id  VARCHAR NOT NULL,           -- hash of what was run: equal for repeats of the same experiment
  task           VARCHAR NOT NULL,           -- the task's name
  task_version   INTEGER NOT NULL,           -- numbers of different versions are never compared
  tier           VARCHAR NOT NULL,           -- the tier it was planned in; no part of the experiment
  params         JSON NOT NULL,              -- the task's parameters by name; keys sorted, so equal ones are equal texts
  backend        VARCHAR NOT NULL,           -- jax, torch or numba
  implementation VARCHAR NOT NULL,           -- the kernel implementations that ran
  device         VARCHAR NOT NULL,           -- cpu or cuda
  precision      VARCHAR NOT NULL,           -- of the kernels: float32 or float64; solves are always float64
  seed           INTEGER NOT NULL,           -- 0, 1, ...: another subset, another draw
  dataset        VARCHAR,                    -- the data set's name; NULL: the task has none
  dataset_sha256 VARCHAR,                    -- hash of its arrays
  status         VARCHAR NOT NULL,           -- ok, error, out_of_memory, timeout, killed, not_applicable
  reason         VARCHAR NOT NULL,           -- why it is not ok, one line; '' when ok
  traceback      VARCHAR NOT NULL,           -- the last lines of it; '' when there is none
  warnings       VARCHAR[] NOT NULL,         -- what the run warned of
  started        TIMESTAMP NOT NULL,         -- when the run began, UTC
  finished       TIMESTAMP NOT NULL,         -- when it ended, UTC
  command        VARCHAR NOT NULL,           -- the command line that made it
  environment_id VARCHAR NOT NULL,           -- environment.environment_id
  claims_id      VARCHAR NOT NULL            -- claim.claims_id: the claims that its task had at that time
);

CREATE TABLE timing (
  run_id  VARCHAR NOT NULL,                  -- run.run_id
  stage   VARCHAR NOT NULL,                  -- kernel, solve, ...
  phase   VARCHAR NOT NULL,                  -- first (includes compilation and warming up) or steady
  sample  INTEGER NOT NULL,                  -- 0, 1, ... within stage and phase
  seconds DOUBLE NOT NULL,                   -- wall clock, device synchronised; s
  PRIMARY KEY (run_id, stage, phase, sample)
);

CREATE TABLE metric (
  run_id    VARCHAR NOT NULL,                -- run.run_id
  name      VARCHAR NOT NULL,                -- the metric's name in its task
  value     DOUBLE NOT NULL,                 -- what was measured, in `unit`
  unit      VARCHAR NOT NULL,                -- '%', 'B', '1', ...
  stderr    DOUBLE,                          -- standard error in `unit`; NULL: the task knows none
  better    VARCHAR,                         -- higher or lower; NULL: neither
  tolerance DOUBLE,                          -- backends agree within this, in `unit`; NULL: not checked
  PRIMARY KEY (run_id, name)
);

CREATE TABLE curve (
  run_id    VARCHAR NOT NULL,                -- run.run_id
  name      VARCHAR NOT NULL,                -- the curve's name in its task
  point     INTEGER NOT NULL,                -- 0, 1, ... along the curve
  x         DOUBLE NOT NULL,                 -- in `x_unit`
  y         DOUBLE NOT NULL,                 -- in `y_unit`
  x_name    VARCHAR NOT NULL,                -- what x is
  y_name    VARCHAR NOT NULL,                -- what y is
  x_unit    VARCHAR NOT NULL,                -- unit of x
  y_unit    VARCHAR NOT NULL,                -- unit of y
  share     DOUBLE,                          -- backends agree when at least this share of points does, 1; NULL: not checked
  tolerance DOUBLE NOT NULL,                 -- two points agree when their y differ by no more, in `y_unit`
  PRIMARY KEY (run_id, name, point)
);

-- What a task claims: one set of rows for each form that its list of claims ever had.
CREATE TABLE claim (
  claims_id    VARCHAR NOT NULL,             -- hash of the whole set, the task and its version
  task         VARCHAR NOT NULL,             -- the task's name
  task_version INTEGER NOT NULL,             -- the task's version
  name         VARCHAR NOT NULL,             -- the claim's name in its task
  metric       VARCHAR NOT NULL,             -- the metric that it is about
  value        DOUBLE NOT NULL,              -- published, or exact; in the metric's unit
  tolerance    DOUBLE NOT NULL,              -- how far off still counts, in the metric's unit
  source       VARCHAR NOT NULL,             -- where it was published
  params       JSON NOT NULL,                -- the parameters of the runs it is about; {}: all runs
  verified     BOOLEAN NOT NULL,             -- read in its source, or exact; else quoted from memory, and never gates
  repeats      INTEGER NOT NULL,             -- seeds needed before it is judged
  over         VARCHAR NOT NULL,             -- mean: of the runs; worst: every run must satisfy it
  side         VARCHAR NOT NULL,             -- within the tolerance of the value, at least, or at most the value
  PRIMARY KEY (claims_id, name)
);

-- When `ntkbench run` found a task with another set of claims than before. A set may be empty.
CREATE TABLE declaration (
  task         VARCHAR NOT NULL,             -- the task's name
  task_version INTEGER NOT NULL,             -- the task's version
  claims_id    VARCHAR NOT NULL,             -- claim.claims_id
  declared     TIMESTAMP NOT NULL,           -- since when, UTC
  PRIMARY KEY (task, task_version, claims_id, declared)
);

-- What asv measured of a commit: a row for each benchmark and parameters. Its environment names the commit.
CREATE TABLE perf (
  environment_id VARCHAR NOT NULL,           -- environment.environment_id: machine, commit, versions
  benchmark      VARCHAR NOT NULL,           -- asv's name of it, such as bench_kernels.Gram.time_first
  version        VARCHAR NOT NULL,           -- hash of its code; results of different versions are not compared
  params         JSON NOT NULL,              -- its parameters by name; keys sorted; {}: it has none
  committed      TIMESTAMP NOT NULL,         -- date of the commit, UTC
  subject        VARCHAR NOT NULL,           -- first line of the commit's message
  measured       TIMESTAMP NOT NULL,         -- when it was measured, UTC
  unit           VARCHAR NOT NULL,           -- of value and samples: 's', 'B', '1', ...
  value          DOUBLE,                     -- median of the samples, in `unit`; NULL: it failed
  low            DOUBLE,                     -- 99 % interval of value, its lower end, in `unit`; NULL: asv gives none
  high           DOUBLE,                     -- 99 % interval of value, its upper end, in `unit`; NULL: asv gives none
  samples        DOUBLE[] NOT NULL,          -- raw samples, in `unit`; each the mean of `number` calls
  number         INTEGER NOT NULL,           -- calls within one sample, 1
  failure        VARCHAR NOT NULL,           -- why there is no value, one line; '' when there is one
  PRIMARY KEY (environment_id, benchmark, version, params, measured)
);

-- A statement that updates or deletes fires an insertion into this table, whose evaluation is an error.
CREATE TABLE append_only (
  refusal VARCHAR                            -- never filled
);
