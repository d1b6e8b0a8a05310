-- From version 3 to version 4.

-- The order in which rows were stored is kept, and says which is the latest; until now the clocks of their machines said
-- it. For what is there they have to, as far as they do not say a time to come; runs of one moment follow each other by a
-- microsecond.

CREATE TABLE with_more (
  run_id           VARCHAR PRIMARY KEY,
  experiment_id    VARCHAR NOT NULL,
  task             VARCHAR NOT NULL,
  task_version     INTEGER NOT NULL,
  tier             VARCHAR NOT NULL,
  params           JSON NOT NULL,
  backend          VARCHAR NOT NULL,
  implementation   VARCHAR NOT NULL,
  device           VARCHAR NOT NULL,
  precision        VARCHAR NOT NULL,
  seed             INTEGER NOT NULL,
  dataset          VARCHAR,
  dataset_sha256   VARCHAR,
  status           VARCHAR NOT NULL,
  reason           VARCHAR NOT NULL,
  traceback        VARCHAR NOT NULL,
  warnings         VARCHAR[] NOT NULL,
  started          TIMESTAMP NOT NULL,
  finished         TIMESTAMP NOT NULL,
  command          VARCHAR NOT NULL,
  environment_id   VARCHAR NOT NULL,
  claims_id        VARCHAR NOT NULL,
  measures_machine BOOLEAN NOT NULL,
  origin           VARCHAR NOT NULL,
  submitter        VARCHAR NOT NULL,
  seal             VARCHAR NOT NULL,
  task_sha256      VARCHAR,
  stored           TIMESTAMP NOT NULL
);
-- Of no earlier run is the source known.
INSERT INTO with_more
SELECT *, NULL,
       least(finished, timezone('UTC', now()))
         + to_microseconds(row_number() OVER (PARTITION BY finished ORDER BY run_id) - 1)
FROM run;
DROP TABLE run;
ALTER TABLE with_more RENAME TO run;

CREATE TABLE with_more (
  task         VARCHAR NOT NULL,
  task_version INTEGER NOT NULL,
  claims_id    VARCHAR NOT NULL,
  declared     TIMESTAMP NOT NULL,
  origin       VARCHAR NOT NULL,
  submitter    VARCHAR NOT NULL,
  seal         VARCHAR NOT NULL,
  stored       TIMESTAMP NOT NULL,
  PRIMARY KEY (task, task_version, claims_id, declared)
);
INSERT INTO with_more SELECT *, least(declared, timezone('UTC', now())) FROM declaration;
DROP TABLE declaration;
ALTER TABLE with_more RENAME TO declaration;

CREATE TABLE with_more (
  environment_id VARCHAR NOT NULL,
  benchmark      VARCHAR NOT NULL,
  version        VARCHAR NOT NULL,
  params         JSON NOT NULL,
  committed      TIMESTAMP NOT NULL,
  subject        VARCHAR NOT NULL,
  measured       TIMESTAMP NOT NULL,
  unit           VARCHAR NOT NULL,
  value          DOUBLE,
  low            DOUBLE,
  high           DOUBLE,
  samples        DOUBLE[] NOT NULL,
  number         INTEGER NOT NULL,
  failure        VARCHAR NOT NULL,
  stored         TIMESTAMP NOT NULL,
  PRIMARY KEY (environment_id, benchmark, version, params, measured)
);
INSERT INTO with_more SELECT *, least(measured, timezone('UTC', now())) FROM perf;
DROP TABLE perf;
ALTER TABLE with_more RENAME TO perf;

UPDATE schema_version SET version = 4;
