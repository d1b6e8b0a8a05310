-- From version 1 to version 2.

-- Claims have a side; until now every one was about a value and its tolerance.
ALTER TABLE claim ADD COLUMN side VARCHAR DEFAULT 'within';
ALTER TABLE claim ALTER COLUMN side SET NOT NULL;
ALTER TABLE claim ALTER COLUMN side DROP DEFAULT;

-- What asv measured has a table.
CREATE TABLE perf (
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
  PRIMARY KEY (environment_id, benchmark, version, params, measured)
);

-- The rows of a run have no key: the index took more room than they did. DuckDB has no other way to drop one.
CREATE TABLE without_key (
  run_id  VARCHAR NOT NULL,
  stage   VARCHAR NOT NULL,
  phase   VARCHAR NOT NULL,
  sample  INTEGER NOT NULL,
  seconds DOUBLE NOT NULL
);
INSERT INTO without_key FROM timing;
DROP TABLE timing;
ALTER TABLE without_key RENAME TO timing;

CREATE TABLE without_key (
  run_id    VARCHAR NOT NULL,
  name      VARCHAR NOT NULL,
  value     DOUBLE NOT NULL,
  unit      VARCHAR NOT NULL,
  stderr    DOUBLE,
  better    VARCHAR,
  tolerance DOUBLE
);
INSERT INTO without_key FROM metric;
DROP TABLE metric;
ALTER TABLE without_key RENAME TO metric;

CREATE TABLE without_key (
  run_id    VARCHAR NOT NULL,
  name      VARCHAR NOT NULL,
  point     INTEGER NOT NULL,
  x         DOUBLE NOT NULL,
  y         DOUBLE NOT NULL,
  x_name    VARCHAR NOT NULL,
  y_name    VARCHAR NOT NULL,
  x_unit    VARCHAR NOT NULL,
  y_unit    VARCHAR NOT NULL,
  share     DOUBLE,
  tolerance DOUBLE NOT NULL
);
INSERT INTO without_key FROM curve;
DROP TABLE curve;
ALTER TABLE without_key RENAME TO curve;

-- The database says which views it has.
ALTER TABLE schema_version ADD COLUMN views VARCHAR;
UPDATE schema_version SET version = 2;
