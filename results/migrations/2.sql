-- From version 1 to version 2: claims have a side, and what asv measured has a table.
ALTER TABLE claim ADD COLUMN side VARCHAR DEFAULT 'within';
ALTER TABLE claim ALTER COLUMN side SET NOT NULL;
ALTER TABLE claim ALTER COLUMN side DROP DEFAULT;

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

UPDATE schema_version SET version = 2;
