-- The tables of the results database. Rows are added and never changed or removed. Times are UTC.

CREATE TABLE schema_version (version INTEGER PRIMARY KEY);
INSERT INTO schema_version VALUES (1);

CREATE TABLE environment (
  environment_id VARCHAR PRIMARY KEY,        -- hash of the facts
  machine        VARCHAR NOT NULL,           -- hash of the hardware; speeds are compared within one machine alone
  commit_id      VARCHAR NOT NULL,           -- the checkout's commit, "+changes" when files differ; '' outside a checkout
  facts          MAP(VARCHAR, VARCHAR) NOT NULL  -- CPU, GPU, system, versions, variables, backend settings
);

CREATE TABLE run (
  run_id         VARCHAR PRIMARY KEY,        -- random, one for each run
  experiment_id  VARCHAR NOT NULL,           -- hash of what was run: equal for repeats of the same experiment
  task           VARCHAR NOT NULL,
  task_version   INTEGER NOT NULL,           -- numbers of different versions are never compared
  tier           VARCHAR NOT NULL,
  params         JSON NOT NULL,              -- the task's parameters
  backend        VARCHAR NOT NULL,           -- jax, torch or numba
  implementation VARCHAR NOT NULL,           -- the kernel implementations that ran
  device         VARCHAR NOT NULL,           -- cpu or cuda
  precision      VARCHAR NOT NULL,           -- of the kernels: float32 or float64; solves are always float64
  seed           INTEGER NOT NULL,
  dataset        VARCHAR,
  dataset_sha256 VARCHAR,
  status         VARCHAR NOT NULL,           -- ok, error, out_of_memory, timeout, killed, not_applicable
  reason         VARCHAR NOT NULL,           -- one line, '' when ok
  traceback      VARCHAR NOT NULL,           -- the last lines of it
  warnings       VARCHAR[] NOT NULL,         -- what the run warned of
  started        TIMESTAMP NOT NULL,
  finished       TIMESTAMP NOT NULL,
  command        VARCHAR NOT NULL,           -- the command line that made it
  environment_id VARCHAR NOT NULL            -- environment.environment_id
);

CREATE TABLE timing (
  run_id  VARCHAR NOT NULL,
  stage   VARCHAR NOT NULL,                  -- kernel, solve, ...
  phase   VARCHAR NOT NULL,                  -- first (includes compilation and warming up) or steady
  sample  INTEGER NOT NULL,                  -- 0, 1, ... within stage and phase
  seconds DOUBLE NOT NULL,                   -- wall clock, device synchronised
  PRIMARY KEY (run_id, stage, phase, sample)
);

CREATE TABLE metric (
  run_id    VARCHAR NOT NULL,
  name      VARCHAR NOT NULL,
  value     DOUBLE NOT NULL,
  unit      VARCHAR NOT NULL,
  stderr    DOUBLE,                          -- standard error, where the task knows one
  better    VARCHAR,                         -- higher, lower, or NULL
  tolerance DOUBLE,                          -- backends agree within this, in the metric's unit; NULL: not checked
  PRIMARY KEY (run_id, name)
);

CREATE TABLE curve (
  run_id    VARCHAR NOT NULL,
  name      VARCHAR NOT NULL,
  point     INTEGER NOT NULL,                -- 0, 1, ...
  x         DOUBLE NOT NULL,
  y         DOUBLE NOT NULL,
  x_name    VARCHAR NOT NULL,
  y_name    VARCHAR NOT NULL,
  x_unit    VARCHAR NOT NULL,
  y_unit    VARCHAR NOT NULL,
  share     DOUBLE,                          -- backends agree when this share of points does; NULL: not checked
  tolerance DOUBLE NOT NULL                  -- points agree within this
);

CREATE TABLE claim (
  task         VARCHAR NOT NULL,
  task_version INTEGER NOT NULL,
  name         VARCHAR NOT NULL,
  metric       VARCHAR NOT NULL,
  value        DOUBLE NOT NULL,              -- published, or exact
  tolerance    DOUBLE NOT NULL,              -- in the metric's unit
  source       VARCHAR NOT NULL,
  params       JSON NOT NULL,                -- the parameters of the runs it is about
  verified     BOOLEAN NOT NULL,             -- read in its source; else quoted from memory, and never gates
  repeats      INTEGER NOT NULL,             -- seeds needed before it is judged
  over         VARCHAR NOT NULL,             -- mean: of the seeds; worst: every run must satisfy it
  declared     TIMESTAMP NOT NULL            -- when it was first seen in this form
);

-- A statement that updates or deletes fires this insertion, whose evaluation is an error.
CREATE TABLE append_only (refusal VARCHAR);
